import { ORIGINAL_PRESET, PRESETS, type PresetName } from '@safelight/contract';
import { renditionDigest, versionOfDigest } from '../renditions/index.ts';
import type { Tenant } from '../tenants/index.ts';
import { signPath } from './signature.ts';

const VERSIONS: ReadonlyMap<string, string> = new Map(
  Object.values(PRESETS).map((transformation) => [transformation, versionOfDigest(renditionDigest(transformation))]),
);

/** The `v=` under which a preset's rendition never changes. */
export function versionOf(transformation: string): string {
  return VERSIONS.get(transformation) ?? versionOfDigest(renditionDigest(transformation));
}

/** Absolute URL of a preset's rendition. */
export function presetUrl(base: string, tenant: Tenant, imageId: string, preset: PresetName): string {
  return `${base}/i/${tenant.slug}/${imageId}/${preset}?v=${versionOf(PRESETS[preset])}`;
}

/** Absolute, signed URL of the original: it carries location and camera data, so only who was handed it may read it. */
function originalUrl(base: string, tenant: Tenant, imageId: string): string {
  const path = `/i/${tenant.slug}/${imageId}/${ORIGINAL_PRESET}`;
  return `${base}${path}?s=${signPath(tenant.urlSecret, path)}`;
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
