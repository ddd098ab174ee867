import { ORIGINAL_PRESET, PRESETS, type PresetName } from '@safelight/contract';
import { invariant } from '../core/invariant.ts';
import { renditionDigest, versionOfDigest } from '../renditions/index.ts';
import type { Tenant } from '../tenants/index.ts';
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

/** Absolute URL of a preset's rendition. */
export function presetUrl(base: string, tenant: Tenant, imageId: string, preset: PresetName): string {
  return `${base}/i/${tenant.slug}/${imageId}/${preset}?v=${versionOf(PRESETS[preset])}`;
}

/** Absolute, signed URL of any rendition. */
export function renditionUrl(base: string, tenant: Tenant, imageId: string, transformation: string): string {
  const query = [transformation, `v=${versionOf(transformation)}`].filter((part) => part !== '').join('&');
  return `${base}${signFor(tenant, `/i/${tenant.slug}/${imageId}?${query}`)}`;
}

/** Absolute, signed URL of the original: it carries location and camera data, so only who was handed it may read it. */
function originalUrl(base: string, tenant: Tenant, imageId: string): string {
  return `${base}${signFor(tenant, `/i/${tenant.slug}/${imageId}/${ORIGINAL_PRESET}`)}`;
}

function signFor({ urlSecrets: [secret] }: Tenant, pathAndQuery: string): string {
  invariant(secret, 'a tenant always has a URL key');
  return withSignature(secret, pathAndQuery);
}

/** Every URL of an image, by preset. */
export function imageUrls(base: string, tenant: Tenant, imageId: string): Record<PresetName | 'original', string> {
  return {
    original: originalUrl(base, tenant, imageId),
    small: presetUrl(base, tenant, imageId, 'small'),
    medium: presetUrl(base, tenant, imageId, 'medium'),
    large: presetUrl(base, tenant, imageId, 'large'),
  };
}
