import type { Image as ImageResource, Rendition as RenditionResource } from '@safelight/contract';
import { type Image, stateOfImage } from '../images/index.ts';
import type { Rendition } from '../renditions/index.ts';
import type { Tenant } from '../tenants/index.ts';
import { imageUrls, presetUrl, versionOf } from './urls.ts';

/** The image as the API shows it; every URL in it works at once. */
export function toImageResource(image: Image, tenant: Tenant, base: string): ImageResource {
  return {
    id: image.imageId,
    sha256: Buffer.from(image.sha256).toString('hex'),
    ...(image.filename !== undefined && { filename: image.filename }),
    bytes: image.bytes,
    format: image.format,
    width: image.width,
    height: image.height,
    frames: image.frames,
    state: stateOfImage(image),
    tags: [...image.tags],
    createdAt: image.createdAt.toISOString(),
    urls: imageUrls(base, tenant, image.imageId),
    renditions: image.renditions.map((rendition) => toRenditionResource(rendition, image.imageId, tenant, base)),
  };
}

function toRenditionResource(rendition: Rendition, imageId: string, tenant: Tenant, base: string): RenditionResource {
  const { made, cause, preset, transformation } = rendition;
  return {
    id: rendition.renditionId,
    ...(preset && { preset }),
    transformation,
    state: rendition.state,
    url: preset
      ? presetUrl(base, tenant, imageId, preset)
      : `${base}/i/${tenant.slug}/${imageId}?${transformation}&v=${versionOf(transformation)}`,
    ...(made && {
      format: made.format,
      width: made.width,
      height: made.height,
      bytes: made.bytes,
      renderMs: made.renderMs,
    }),
    ...(cause && { cause }),
  };
}
