import type { Image as ImageResource, Rendition as RenditionResource } from '@safelight/contract';
import { type Image, stateOfImage } from '../images/index.ts';
import type { Rendition } from '../renditions/index.ts';
import type { Tenant } from '../tenants/index.ts';
import { imageUrls, presetUrl, renditionUrl } from './urls.ts';

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
    ...factsOf(image),
    state: stateOfImage(image),
    tags: [...image.tags],
    createdAt: image.createdAt.toISOString(),
    urls: imageUrls(base, tenant, image.imageId),
    renditions: image.renditions.map((rendition) => toRenditionResource(rendition, image.imageId, tenant, base)),
  };
}

function factsOf({ orientation, header, looks, location }: Image) {
  const [dominant, ...rest] = looks?.palette ?? [];
  return {
    orientation,
    ...(header?.animation && { animation: header.animation }),
    ...((header?.exif || location) && { exif: { ...header?.exif, ...(location && { location }) } }),
    ...(dominant !== undefined && { colours: { dominant, palette: [dominant, ...rest] } }),
    ...(looks && {
      placeholders: { thumbhash: looks.thumbhash, blurhash: looks.blurhash },
      perceptualHash: looks.perceptualHash,
      opaque: looks.opaque,
    }),
  };
}

function toRenditionResource(rendition: Rendition, imageId: string, tenant: Tenant, base: string): RenditionResource {
  const { made, cause, preset, transformation } = rendition;
  return {
    id: rendition.renditionId,
    ...(preset && { preset }),
    transformation,
    state: rendition.state,
    url: preset ? presetUrl(base, tenant, imageId, preset) : renditionUrl(base, tenant, imageId, transformation),
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
