import type { Credits } from '../ops/index.ts';
import type { Decoder } from './decoder.ts';
import { openTiff } from './tiff.ts';

/** EXIF's names for them (CIPA DC-008, table 3), in the main directory. */
const TAGS = { artist: 0x013b, copyright: 0x8298 } as const;
/** Of each; a sentence or two. */
const CHARACTERS_MAX = 512;

/** Who made a source and whose it is, by its EXIF data, or undefined where that tells neither. */
export async function readCredits(decoder: Decoder, input: string | Buffer): Promise<Credits | undefined> {
  const { exif } = await decoder.open(input, { limitInputPixels: false }).metadata();
  const main = exif && openTiff(exif);
  const artist = main?.text(TAGS.artist, CHARACTERS_MAX);
  const copyright = main?.text(TAGS.copyright, CHARACTERS_MAX);
  return artist === undefined && copyright === undefined ? undefined : { artist, copyright };
}
