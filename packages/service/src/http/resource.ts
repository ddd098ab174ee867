import type { Image as ImageResource, Rendition as RenditionResource } from '@safelight/contract';
import { type Image, stateOfImage } from '../images/index.ts';
import type { Rendition } from '../renditions/index.ts';
import { presetOf, type Tenant } from '../tenants/index.ts';
import { imageUrls, type Links, linksOf, presetUrl, renditionUrl } from './urls.ts';

/**
 * The image as the API shows it; every URL in it works at once.
 * @param now milliseconds since 1970: from then on the URLs of a private image are good for an hour
 */
export function toImageResource(image: Image, tenant: Tenant, base: string, now: number): ImageResource {
  const links = linksOf(base, tenant, image, now);
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
    visibility: image.isPrivate ? 'private' : 'public',
    state: image.trash ? 'trashed' : stateOfImage(image),
    ...(image.trash && {
      trashedAt: image.trash.trashedAt.toISOString(),
      erasesAt: image.trash.erasesAt.toISOString(),
    }),
    tags: [...image.tags],
    createdAt: image.createdAt.toISOString(),
    urls: imageUrls(links),
    renditions: image.renditions.map((rendition) => toRenditionResource(rendition, links)),
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

function toRenditionResource(rendition: Rendition, links: Links): RenditionResource {
  const { made, cause, transformation } = rendition;
  const preset = presetOf(links.tenant.presets, transformation);
  return {
    id: rendition.renditionId,
    ...(preset && { preset: preset.name }),
    transformation,
    state: rendition.state,
    url: preset ? presetUrl(links, preset) : renditionUrl(links, transformation),
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
