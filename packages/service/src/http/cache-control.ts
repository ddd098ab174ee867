export interface Caching {
  /** `private`: for the client that was handed the URL, not for shared caches. */
  readonly scope: 'public' | 'private';
  /** Whether the URL names a version, which never changes. */
  readonly isVersioned: boolean;
  /** Whether a better answer is on its way. */
  readonly isProvisional?: boolean;
  /** Until the URL expires; absent: it never does. */
  readonly leftMs?: number | undefined;
}

const YEAR_SECONDS = 31_536_000;
const REVALIDATED_SECONDS = 300;
/** Most better formats are made within seconds. */
const PROVISIONAL_SECONDS = 10;

/** How long the answer to a delivery may be kept: never longer than its URL is good. */
export function cacheControl({ scope, isVersioned, isProvisional, leftMs }: Caching): string {
  const seconds = isVersioned ? YEAR_SECONDS : isProvisional ? PROVISIONAL_SECONDS : REVALIDATED_SECONDS;
  const age = Math.min(seconds, leftMs === undefined ? seconds : Math.floor(leftMs / 1_000));
  return `${scope}, max-age=${age}${isVersioned ? ', immutable' : ''}`;
}
