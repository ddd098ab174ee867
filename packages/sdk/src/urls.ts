import { type AutoWish, type ClientHint, canonicalTransformation, type Transformation } from '@safelight/contract';

/** Where an image is delivered. */
export interface ImageAddress {
  /** Where Safelight, or the CDN in front of it, answers, such as `https://images.example.org`. */
  readonly baseUrl: string | URL;
  /** The tenant's short name; absent: `baseUrl` is a domain of the tenant, whose URLs do not name it. */
  readonly tenant?: string | undefined;
  /** The image's id. */
  readonly image: string;
}

export interface SignedAddress extends ImageAddress {
  /** A URL key of the tenant: 32 bytes, or these in base64url, as `safelight url-key` prints them. */
  readonly key: string | Uint8Array;
}

export interface UrlOptions {
  /** Until when the URL is good; a number is in seconds since 1970. Absent: as long as its key is. */
  readonly expires?: Date | number | undefined;
  /** Name under which browsers save the picture instead of showing it. */
  readonly dl?: string | undefined;
  /** What is left to the service: the format, by what each client accepts, and the quality. */
  readonly auto?: readonly AutoWish[] | undefined;
  /** Client hints that are honoured. */
  readonly ch?: readonly ClientHint[] | undefined;
  /** The rendition's version, as the API tells it: makes the answer immutable. */
  readonly v?: string | undefined;
}

/** The same picture for different screens: by the width of the slot in pixels, or by pixels of the screen in one of CSS. */
export type Variants = { readonly widths: readonly number[] } | { readonly densities: readonly number[] };

/** The URL of any rendition, unsigned: good where the tenant allows unsigned URLs. */
export function imageUrl(address: ImageAddress, transformation: Transformation, options: UrlOptions = {}): string {
  return `${baseOf(address)}${pathOf(address, transformation, options)}`;
}

/**
 * The URL of any rendition, signed: HMAC-SHA-256 over path and query, in base64url, as the last parameter `s`. A
 * signing key makes everything that its holder asks for: it belongs to servers, not to pages.
 * @throws TypeError when the key has not 32 bytes.
 */
export async function signUrl(
  address: SignedAddress,
  transformation: Transformation,
  options: UrlOptions = {},
): Promise<string> {
  const [url = ''] = await signPaths(address, [pathOf(address, transformation, options)]);
  return url;
}

/**
 * The URL of a preset's picture or of the `original`, signed: those of a private image take that, and an end.
 * @throws TypeError when the key has not 32 bytes.
 */
export async function signPresetUrl(
  address: SignedAddress,
  preset: string,
  { v, expires, dl }: Pick<UrlOptions, 'v' | 'expires' | 'dl'> = {},
): Promise<string> {
  const query = [
    v === undefined ? '' : `v=${encodeURIComponent(v)}`,
    expires === undefined ? '' : `expires=${secondsOf(expires)}`,
    dl === undefined ? '' : `dl=${encodeURIComponent(dl)}`,
  ].filter((part) => part !== '');
  const path = `${imagePathOf(address)}/${encodeURIComponent(preset)}`;
  const [url = ''] = await signPaths(address, [query.length > 0 ? `${path}?${query.join('&')}` : path]);
  return url;
}

/** The `srcset` of an unsigned picture, such as `https://…?fit=max&w=320 320w, https://…?fit=max&w=640 640w`. */
export function srcset(
  address: ImageAddress,
  transformation: Transformation,
  variants: Variants,
  options: UrlOptions = {},
): string {
  return variantsOf(transformation, variants)
    .map(([variant, descriptor]) => `${imageUrl(address, variant, options)} ${descriptor}`)
    .join(', ');
}

/** The same, signed. */
export async function signSrcset(
  address: SignedAddress,
  transformation: Transformation,
  variants: Variants,
  options: UrlOptions = {},
): Promise<string> {
  const all = variantsOf(transformation, variants);
  const urls = await signPaths(
    address,
    all.map(([variant]) => pathOf(address, variant, options)),
  );
  return all.map(([, descriptor], index) => `${urls[index]} ${descriptor}`).join(', ');
}

function variantsOf(transformation: Transformation, variants: Variants): (readonly [Transformation, string])[] {
  const { w, h, dpr = 1 } = transformation;
  if ('densities' in variants) {
    return variants.densities.map((density) => [{ ...transformation, dpr: dpr * density }, `${density}x`]);
  }
  return variants.widths.map((width) => {
    // A box keeps its proportions.
    const height = w !== undefined && h !== undefined ? { h: Math.max(1, Math.round((h * width) / w)) } : {};
    return [{ ...transformation, w: width, ...height }, `${width}w`];
  });
}

function baseOf({ baseUrl }: ImageAddress): string {
  return String(baseUrl).replace(/\/+$/, '');
}

/** Path and query as Safelight sees them: what is signed. */
function pathOf(address: ImageAddress, transformation: Transformation, options: UrlOptions): string {
  const { auto = [], ch = [], v, expires, dl } = options;
  const query = [
    canonicalTransformation(transformation),
    auto.length === 0 ? '' : `auto=${auto.join(',')}`,
    ch.length === 0 ? '' : `ch=${ch.join(',')}`,
    v === undefined ? '' : `v=${encodeURIComponent(v)}`,
    expires === undefined ? '' : `expires=${secondsOf(expires)}`,
    dl === undefined ? '' : `dl=${encodeURIComponent(dl)}`,
  ].filter((part) => part !== '');
  const path = imagePathOf(address);
  return query.length > 0 ? `${path}?${query.join('&')}` : path;
}

function imagePathOf({ tenant, image }: ImageAddress): string {
  const path = `/${encodeURIComponent(image)}`;
  return tenant === undefined ? path : `/i/${encodeURIComponent(tenant)}${path}`;
}

/** Seconds since 1970. */
export function secondsOf(time: Date | number): number {
  return time instanceof Date ? Math.floor(time.getTime() / 1_000) : time;
}

const KEY_BYTES = 32;

async function signPaths(address: SignedAddress, paths: readonly string[]): Promise<string[]> {
  const base = baseOf(address);
  const signatures = await signText(address.key, paths);
  return paths.map((path, index) => `${base}${path}${path.includes('?') ? '&' : '?'}s=${signatures[index]}`);
}

/** HMAC-SHA-256 of each text, in base64url. @throws TypeError when the key has not 32 bytes. */
export async function signText(secret: string | Uint8Array, texts: readonly string[]): Promise<string[]> {
  const bytes = typeof secret === 'string' ? decodeBase64Url(secret) : Uint8Array.from(secret);
  if (bytes.length !== KEY_BYTES) throw new TypeError(`a URL key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['sign']);
  return Promise.all(
    texts.map(async (text) => {
      const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text));
      return encodeBase64Url(new Uint8Array(signature));
    }),
  );
}

function encodeBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
}

function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.trim().replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
