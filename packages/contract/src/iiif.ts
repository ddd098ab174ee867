/**
 * IIIF Image API 3.0 (https://iiif.io/api/image/3.0/), level 2, as another way to write a transformation. Pure: what a
 * path asks of a picture of a given size, in which form that is canonical, and what `info.json` says. Browser-safe.
 */
export {
  IIIF_CONTEXT,
  IIIF_PROTOCOL,
  type IiifInfo,
  type IiifInfoOptions,
  iiifInfo,
  iiifScaleFactors,
  iiifSizes,
  isIiifTile,
} from './iiif-info.ts';
export {
  IIIF_FORMATS,
  IIIF_LIMITS,
  IIIF_QUALITIES,
  type IiifImage,
  type IiifLimits,
  type IiifPath,
  type IiifResult,
  type IiifSource,
  parseIiif,
} from './iiif-request.ts';
