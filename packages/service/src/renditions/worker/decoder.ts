import sharp, { type CreateText, type Sharp, type SharpOptions } from 'sharp';
import { JpegReducer } from './jpeg-reducer.ts';

/** The imaging library, narrowed to what this process may do with it, and what stands in for it. Its one import at run time. */
export interface Decoder {
  /** Decodes most JPEGs to fewer pixels in less time than the library. */
  readonly reducer: JpegReducer;
  /** A pipeline over a file (by path) or pixels or a checked SVG (by buffer). */
  open(input: string | Buffer, options: SharpOptions): Sharp;
  /** A pipeline over letters. */
  write(text: CreateText): Sharp;
  /** Whether the platform's build has the HEVC codec; the prebuilt one has not, for its patents. */
  readonly readsHeic: boolean;
}

/**
 * Loaders that may run, by libvips' names. Everything else it was built with stays shut, known or not: SVG is read
 * from memory alone, after it was checked, and Ultra HDR as the plain JPEG that it also is.
 */
const LOADERS = [
  'VipsForeignLoadJpegFile',
  'VipsForeignLoadPngFile',
  'VipsForeignLoadWebpFile',
  'VipsForeignLoadNsgifFile',
  'VipsForeignLoadHeifFile',
  'VipsForeignLoadTiffFile',
  'VipsForeignLoadSvgBuffer',
  // What this process itself has encoded, to see what became of it.
  'VipsForeignLoadJpegBuffer',
  'VipsForeignLoadWebpBuffer',
  'VipsForeignLoadHeifBuffer',
];

/** Sets the library up: one thread (one picture per core is faster than one picture on all), no cache, few loaders. */
export function loadDecoder(): Decoder {
  sharp.concurrency(1);
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  return {
    reducer: new JpegReducer(),
    open: (input, options) => sharp(input, options),
    write: (text) => sharp({ text }),
    readsHeic: sharp.format.heif.input.fileSuffix?.includes('.heic') ?? false,
  };
}

/** Makes every encoder once, so that what they load lazily is loaded before the process gives up its rights. */
export async function warmUp(decoder: Decoder): Promise<void> {
  const side = 8;
  const pixels = Buffer.alloc(side * side * 3, 128);
  const open = () => decoder.open(pixels, { raw: { width: side, height: side, channels: 3 } }).resize(side / 2);
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'] as const)
    await open().toFormat(format).toBuffer();
}
