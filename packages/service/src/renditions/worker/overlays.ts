import { readFile } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { FONT_NAME, fontPath } from '../fonts.ts';
import type { Size } from '../geometry.ts';
import { decodeOptions, isHarmlessWarning, type OverlayTools, type Pixels, type TextLine } from '../ops/index.ts';
import type { Mark, RenderTask } from '../protocol.ts';
import { CauseError, causeOf } from './causes.ts';
import type { Decoder } from './decoder.ts';
import { svgDanger } from './svg.ts';

type MarkFile = Extract<Mark, { file: string }>;

/** Draws what a job lays over its pictures. Marks lie in the job's folder, beside the original. */
export class Overlays implements OverlayTools {
  readonly #decoder: Decoder;
  readonly #task: Pick<RenderTask, 'bounds' | 'marks'>;
  readonly #pathOf: (file: string) => string;

  constructor(decoder: Decoder, task: Pick<RenderTask, 'bounds' | 'marks'>, pathOf: (file: string) => string) {
    this.#decoder = decoder;
    this.#task = task;
    this.#pathOf = pathOf;
  }

  markSize(imageId: string): Size {
    const { width, height } = this.#markFile(imageId).source;
    return { width, height };
  }

  async drawMark(imageId: string, size: Size, isWide: boolean): Promise<Pixels> {
    const mark = this.#markFile(imageId);
    try {
      return await this.#decodeMark(mark, size, isWide);
    } catch (error) {
      if (error instanceof CauseError) throw error;
      const { code, message } = causeOf(error, 'mark_failed');
      throw new CauseError({ code, message: `image ${imageId}, to be laid over: ${message}` });
    }
  }

  async drawText({ text, letterPixels, colour, align, room }: TextLine, isWide: boolean): Promise<Pixels | undefined> {
    const { width, height } = room;
    const letters = this.#decoder.write({
      // At 72 dots per inch a point is a pixel.
      ...{ text: asMarkup(text), font: `${FONT_NAME} ${letterPixels}px`, fontfile: fontPath(), dpi: 72 },
      ...{ width, align, wrap: 'word-char' },
    });
    let mask: Pixels;
    try {
      mask = await read(letters.toColourspace('b-w'));
    } catch (error) {
      // Spaces, and characters without a shape.
      if (error instanceof Error && /no text to render/.test(error.message)) return undefined;
      throw error;
    }
    const coloured = inColour(
      mask,
      { width: Math.min(width, mask.width), height: Math.min(height, mask.height) },
      colour,
    );
    return isWide ? this.#widen(coloured) : coloured;
  }

  #markFile(imageId: string): MarkFile {
    const mark = this.#task.marks?.find((each) => each.imageId === imageId);
    if (mark && 'file' in mark) return mark;
    throw new CauseError(
      mark?.cause ?? { code: 'mark_not_found', message: `there is no image ${imageId} to lay over` },
    );
  }

  async #decodeMark({ file, source }: MarkFile, { width, height }: Size, isWide: boolean): Promise<Pixels> {
    const path = this.#pathOf(file);
    const input = source.format === 'svg' ? await readFile(path) : path;
    const danger = typeof input === 'string' ? undefined : svgDanger(input);
    if (danger !== undefined) throw new CauseError({ code: 'unsafe_svg', message: danger });
    const decode = (lenient: boolean) => {
      const options = decodeOptions(source, { animated: false, page: 0, bounds: this.#task.bounds, lenient });
      const image = this.#decoder.open(input, options).autoOrient().resize(width, height, { fit: 'fill' });
      // Else the library leaves 16 bits with a profile in Display P3.
      if (source.space === 'rgb16' && source.hasProfile) image.pipelineColourspace('srgb');
      return read(image.toColourspace('srgb').ensureAlpha());
    };
    const pixels = await decode(false).catch((error: unknown) => {
      if (error instanceof Error && isHarmlessWarning(error.message)) return decode(true);
      throw error;
    });
    return isWide ? this.#widen(pixels) : pixels;
  }

  /** From sRGB to the same colours in Display P3. */
  #widen({ data, width, height, channels }: Pixels): Promise<Pixels> {
    return read(this.#decoder.open(data, { raw: { width, height, channels } }).withIccProfile('p3'));
  }
}

async function read(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels as Pixels['channels'], frames: 1 };
}

/** Pango takes its text for markup; with these five away it is text. */
function asMarkup(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}

/** The upper left part of a mask, of one colour. */
function inColour(mask: Pixels, { width, height }: Size, { r, g, b, alpha }: TextLine['colour']): Pixels {
  const data = Buffer.alloc(width * height * 4);
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let from = y * mask.width; from < y * mask.width + width; from += 1, to += 4) {
      data[to] = r;
      data[to + 1] = g;
      data[to + 2] = b;
      data[to + 3] = Math.round((mask.data[from * mask.channels] ?? 0) * alpha);
    }
  }
  return { data, width, height, channels: 4, frames: 1 };
}
