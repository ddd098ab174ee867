/** By what a request may see a private image: its own URL, signed until some time, or a token for some images or all. */
export type Access =
  | { readonly by: 'nothing' }
  | { readonly by: 'signature'; readonly leftMs: number }
  | { readonly by: 'token'; readonly images: ReadonlySet<string> | undefined; readonly leftMs: number };

export const NO_ACCESS: Access = { by: 'nothing' };

/** Whether a private image may be shown. A signature stands over the URL that names it, a token names it or all. */
export function opens(access: Access, imageId: string): boolean {
  if (access.by === 'nothing') return false;
  return access.by === 'signature' || (access.images?.has(imageId) ?? true);
}

/** Milliseconds until the access ends, if it ever does. */
export function accessLeftMs(access: Access): number | undefined {
  return access.by === 'nothing' ? undefined : access.leftMs;
}
