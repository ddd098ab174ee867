import { IIIF_FORMATS, IIIF_LIMITS, IIIF_QUALITIES, type IiifImage } from './iiif-request.ts';
import { type IiifLimits, isOfSize, type PixelSize } from './iiif-size.ts';

export const IIIF_CONTEXT = 'http://iiif.io/api/image/3/context.json';
export const IIIF_PROTOCOL = 'http://iiif.io/api/image';

export interface IiifInfoOptions extends PixelSize {
  /** The image's base URI, without a slash at its end. */
  readonly id: string;
  /** `open`: anything of level 2. `tiles`: only the tiles and sizes that are listed, which is level 0. */
  readonly access: 'open' | 'tiles';
  /** Pixels. */
  readonly tileSide: number;
  readonly limits?: IiifLimits;
  /** A licence's URI, of Creative Commons or RightsStatements.org. */
  readonly rights?: string;
}

/** Section 5: `info.json`. */
export interface IiifInfo {
  readonly '@context': typeof IIIF_CONTEXT;
  readonly id: string;
  readonly type: 'ImageService3';
  readonly protocol: typeof IIIF_PROTOCOL;
  readonly profile: 'level0' | 'level2';
  readonly width: number;
  readonly height: number;
  readonly maxWidth: number;
  readonly maxHeight: number;
  readonly maxArea: number;
  readonly sizes: readonly PixelSize[];
  readonly tiles: readonly { readonly width: number; readonly scaleFactors: readonly number[] }[];
  readonly rights?: string;
  readonly preferredFormats: readonly string[];
  readonly extraFormats: readonly string[];
  readonly extraQualities: readonly string[];
  readonly extraFeatures: readonly string[];
}

/** What level 0 and level 2 have by themselves (compliance document, sections 3.5 and 4). */
const OF_PROFILE = { level0: ['jpg'], level2: ['jpg', 'png'] } as const;
/** In which tiles are made where nothing else is: few, since each multiplies the pyramid. */
const TILE_FORMATS: readonly string[] = ['jpg', 'png', 'webp'];
const HTTP_FEATURES = ['baseUriRedirect', 'canonicalLinkHeader', 'cors', 'jsonldMediaType', 'profileLinkHeader'];
const OF_LEVEL_2: ReadonlySet<string> = new Set(['baseUriRedirect', 'cors', 'jsonldMediaType']);

export function iiifInfo({ id, width, height, access, tileSide, rights, ...options }: IiifInfoOptions): IiifInfo {
  const limits = options.limits ?? IIIF_LIMITS;
  const profile = access === 'open' ? 'level2' : 'level0';
  const formats = access === 'open' ? Object.keys(IIIF_FORMATS) : TILE_FORMATS;
  return {
    '@context': IIIF_CONTEXT,
    id,
    type: 'ImageService3',
    protocol: IIIF_PROTOCOL,
    profile,
    width,
    height,
    ...limits,
    sizes: iiifSizes({ width, height }, tileSide, limits),
    tiles: [{ width: tileSide, scaleFactors: iiifScaleFactors({ width, height }, tileSide) }],
    ...(rights !== undefined && { rights }),
    preferredFormats: ['webp', 'jpg'],
    extraFormats: formats.filter((format) => !(OF_PROFILE[profile] as readonly string[]).includes(format)),
    extraQualities: access === 'open' ? IIIF_QUALITIES.filter((quality) => quality !== 'default') : [],
    extraFeatures:
      access === 'open'
        ? [...HTTP_FEATURES.filter((feature) => !OF_LEVEL_2.has(feature)), 'mirroring', 'sizeUpscaling']
        : HTTP_FEATURES,
  };
}

/** Powers of two, up to the one at which the whole picture is a single tile. */
export function iiifScaleFactors({ width, height }: PixelSize, tileSide: number): number[] {
  const factors = [1];
  for (let factor = 1; Math.max(width, height) > tileSide * factor; ) {
    factor *= 2;
    factors.push(factor);
  }
  return factors;
}

/** The whole picture at each scale factor, the smallest first. */
export function iiifSizes(source: PixelSize, tileSide: number, limits: IiifLimits = IIIF_LIMITS): PixelSize[] {
  return iiifScaleFactors(source, tileSide)
    .reverse()
    .map((factor) => shrunk(source, factor))
    .filter(
      ({ width, height }) => width <= limits.maxWidth && height <= limits.maxHeight && width * height <= limits.maxArea,
    );
}

/** As clients compute it (implementation notes, section 4): rounded up, so that the last column of pixels is kept. */
function shrunk({ width, height }: PixelSize, factor: number): PixelSize {
  return { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
}

/**
 * Whether `image` is one of the tiles or sizes that `info.json` lists: upright, in full colour and in one of few formats.
 * Clients round sizes at the edges either way, which is taken.
 */
export function isIiifTile(image: IiifImage, source: PixelSize, tileSide: number): boolean {
  const { region, size, transformation } = image;
  const { flip, rot, sat, fm } = transformation;
  if (flip !== undefined || rot !== undefined || sat !== undefined) return false;
  if (fm === undefined || !TILE_FORMATS.includes(fm)) return false;
  // Of a picture above the limits the largest size is on no grid.
  if (image.canonical.startsWith('full/max/')) return true;
  return iiifScaleFactors(source, tileSide).some((factor) => {
    const side = tileSide * factor;
    const tile = { width: Math.min(side, source.width - region.x), height: Math.min(side, source.height - region.y) };
    const isOnGrid = region.x % side === 0 && region.y % side === 0 && isOfSize(region, tile);
    return (isOnGrid || isOfSize(region, source)) && isAbout(size, region, factor);
  });
}

function isAbout(size: PixelSize, region: PixelSize, factor: number): boolean {
  return Math.abs(size.width - region.width / factor) < 1 && Math.abs(size.height - region.height / factor) < 1;
}
