import { ORIGINAL_PRESET, PRESETS } from '@safelight/contract';
import { invariant } from '../core/invariant.ts';
import { renditionDigest, versionOfDigest } from '../renditions/index.ts';
import type { Tenant, TenantPreset } from '../tenants/index.ts';
import { withSignature } from './signature.ts';

const VERSIONS: ReadonlyMap<string, string> = new Map(
  Object.values(PRESETS).map((transformation) => [transformation, versionOfDigest(renditionDigest(transformation))]),
);

/** The `v=` under which a preset's rendition never changes. */
export function versionOf(transformation: string): string {
  return VERSIONS.get(transformation) ?? versionOfDigest(renditionDigest(transformation));
}

/** Whether a URL's `v=` is a prefix of the rendition's digest. */
export function versionFits(version: string | undefined, transformation: string): boolean {
  return version !== undefined && Buffer.from(renditionDigest(transformation)).toString('hex').startsWith(version);
}

/** What the URLs of an image begin with, and until when they are good. */
export interface Links {
  readonly tenant: Tenant;
  /** Scheme and host. */
  readonly origin: string;
  /** As the client sends it, and as it is signed. */
  readonly path: string;
  /** Seconds since 1970, of an image that is private; of others they are good as long as it is. */
  readonly expires: number | undefined;
}

const MINUTE_SECONDS = 60;
/** A page that was rendered with such a URL stays whole for as long as somebody usually reads it. */
const PRIVATE_SECONDS = 60 * MINUTE_SECONDS;
/** Ends fall on these, so that the same picture has the same URL for a while, and browsers find it in their caches. */
const PRIVATE_STEP_SECONDS = 15 * MINUTE_SECONDS;

/** Where an image is delivered: at the tenant's own domain, if it has proved one. @param now milliseconds since 1970 */
export function linksOf(
  base: string,
  tenant: Tenant,
  { imageId, isPrivate }: { readonly imageId: string; readonly isPrivate: boolean },
  now: number,
): Links {
  const { domain, slug } = tenant;
  return {
    tenant,
    ...(domain === undefined
      ? { origin: base, path: `/i/${slug}/${imageId}` }
      : { origin: `${new URL(base).protocol}//${domain}`, path: `/${imageId}` }),
    expires: isPrivate
      ? Math.ceil((now / 1_000 + PRIVATE_SECONDS) / PRIVATE_STEP_SECONDS) * PRIVATE_STEP_SECONDS
      : undefined,
  };
}

/** Absolute URL of a preset's rendition. */
export function presetUrl(links: Links, preset: TenantPreset): string {
  const path = `${links.path}/${preset.name}?v=${versionOf(preset.transformation)}`;
  return links.expires === undefined ? `${links.origin}${path}` : signed(links, path);
}

/** Absolute, signed URL of any rendition. */
export function renditionUrl(links: Links, transformation: string): string {
  const query = [transformation, `v=${versionOf(transformation)}`].filter((part) => part !== '').join('&');
  return signed(links, `${links.path}?${query}`);
}

/** Absolute, signed URL of the original: it carries location and camera data, so only who was handed it may read it. */
function originalUrl(links: Links): string {
  return signed(links, `${links.path}/${ORIGINAL_PRESET}`);
}

function signed({ tenant, origin, expires }: Links, pathAndQuery: string): string {
  const [secret] = tenant.urlSecrets;
  invariant(secret, 'a tenant always has a URL key');
  const ending = expires === undefined ? '' : `${pathAndQuery.includes('?') ? '&' : '?'}expires=${expires}`;
  return `${origin}${withSignature(secret, `${pathAndQuery}${ending}`)}`;
}

/** Every URL of an image, by preset. */
export function imageUrls(links: Links): Record<string, string> {
  const presets = [...links.tenant.presets.current.values()];
  return {
    [ORIGINAL_PRESET]: originalUrl(links),
    ...Object.fromEntries(presets.map((preset) => [preset.name, presetUrl(links, preset)])),
  };
}
