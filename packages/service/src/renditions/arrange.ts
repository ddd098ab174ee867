import type { Transformation } from '@safelight/contract';
import type { Cause } from './cause.ts';
import { longerSide, pixelsOf, type Size } from './geometry.ts';
import { type Layout, layOut } from './layout.ts';
import type { RenderedFormat } from './source.ts';

/**
 * Which pictures are made of one base, and in what order they are encoded. Pure, and without imports at run time but
 * geometry's: where the size of a base is known only from its pixels, the worker process arranges.
 *
 * All come from one intermediate (a star), which has the size of the largest. Measured for 15 outputs: 0.61 of the CPU
 * of a decode per output on a baseline source, 0.33 on a progressive one, at a mean SSIM of 0.9988 or more against a
 * full decode. A chain (each size from the next larger) is no cheaper and drifts.
 */
export interface Arrangement {
  /** Pixels of one frame to which the base is brought first. */
  readonly decoded: Size;
  /** A single output is encoded while it is decoded, without its pixels ever lying in memory as a whole. */
  readonly streamed: boolean;
  /** Largest first. */
  readonly pictures: readonly Picture[];
  /** Every output, in the order of work: by its picture's place and its own place there. */
  readonly order: readonly (readonly [picture: number, output: number])[];
  readonly failures: readonly PlannedFailure[];
}

/** Pixels that one output shows, or several in different encodings. */
export interface Picture {
  /** Resolved; that of the first output. Only what makes pixels of it counts here. */
  readonly transformation: Transformation;
  readonly layout: Layout;
  readonly animated: boolean;
  readonly outputs: readonly PlannedOutput[];
}

export interface PlannedOutput {
  /** Which of the transformations that were asked for. */
  readonly index: number;
  readonly format: RenderedFormat;
  /** 1 to 100, or undefined where the format is lossless. */
  readonly quality: number | undefined;
  /** Whether the worker looks for the lowest quality that still looks right; `quality` then counts for nothing. */
  readonly searched: boolean;
  readonly lossless: boolean;
  /** Colour at the resolution of brightness: 4:4:4. */
  readonly fullChroma: boolean;
  readonly animated: boolean;
  /** How hard the encoder of AVIF tries, where nobody waits for it; undefined where somebody may. */
  readonly effort: number | undefined;
  /** Whether it keeps who made the source, and whose it is. */
  readonly credited: boolean;
}

export interface PlannedFailure {
  readonly index: number;
  readonly cause: Cause;
}

export interface OutputRequest {
  /** Resolved. */
  readonly transformation: Transformation;
  readonly output: PlannedOutput;
}

export interface ArrangeOptions {
  readonly isVector: boolean;
  /** Of the source. */
  readonly frames: number;
}

export function arrange(size: Size, requests: readonly OutputRequest[], options: ArrangeOptions): Arrangement {
  const pictures = new Map<string, Picture & { readonly outputs: PlannedOutput[] }>();
  const failures: PlannedFailure[] = [];
  for (const { transformation, output } of requests) {
    const layout = layOut(size, transformation, options);
    const cause = tooLarge(layout, output, options.frames);
    if (cause) {
      failures.push({ index: output.index, cause });
      continue;
    }
    const key = JSON.stringify([layout, output.animated, ...TREATMENT.map((name) => transformation[name] ?? null)]);
    const picture = pictures.get(key) ?? { transformation, layout, animated: output.animated, outputs: [] };
    picture.outputs.push(output);
    pictures.set(key, picture);
  }
  const ordered = [...pictures.values()].sort((a, b) => pixelsOf(b.layout.size) - pixelsOf(a.layout.size));
  const outputs = ordered.reduce((sum, picture) => sum + picture.outputs.length, 0);
  return {
    decoded: intermediate(size, ordered, options.isVector),
    streamed: outputs === 1,
    pictures: ordered,
    order: orderOf(ordered, options.frames),
    failures,
  };
}

/** What makes pixels of a picture besides its layout. */
const TREATMENT = [
  ...(['flip', 'rot', 'bg', 'border-radius'] as const),
  ...(['bri', 'con', 'gam', 'sat', 'hue', 'invert', 'sepia', 'monochrome', 'blur', 'sharp'] as const),
  ...(['mark', 'mark-align', 'mark-scale', 'mark-pad', 'mark-alpha'] as const),
  ...(['txt', 'txt-align', 'txt-size', 'txt-color', 'txt-pad'] as const),
] satisfies readonly (keyof Transformation)[];

/** As large as the largest that is made of it on each side, but a photograph not larger than it is. */
function intermediate(size: Size, pictures: readonly Picture[], isVector: boolean): Size {
  if (pictures.length === 0) return size;
  const largest = (side: keyof Size) =>
    Math.max(1, ...pictures.map(({ layout }) => (layout.cutFirst ? size[side] : layout.scaled[side])));
  const wanted = { width: largest('width'), height: largest('height') };
  // A wide drawing and a tall one together may want more than either may have.
  if (isVector && pixelsOf(wanted) <= OUTPUT_PIXELS_MAX) return wanted;
  return { width: Math.min(size.width, wanted.width), height: Math.min(size.height, wanted.height) };
}

/** Bytes of derived pictures that may wait in memory so that all of the quick format comes before the slow ones. */
export const WAITING_BYTES_MAX = 64_000_000;

/** JPEG takes a fifth of AVIF's time, so a page has something to show early. */
const RANKS: readonly RenderedFormat[] = ['jpeg', 'png', 'tiff', 'gif', 'webp', 'avif'];

function orderOf(pictures: readonly Picture[], frames: number): Arrangement['order'] {
  const waiting = pictures.reduce(
    (sum, { layout, animated }) => sum + 4 * pixelsOf(layout.size) * (animated ? frames : 1),
    0,
  );
  const places = pictures.flatMap(({ outputs }, picture) =>
    outputs.map((output, place) => ({ picture, place, rank: RANKS.indexOf(output.format) })),
  );
  // Else the largest pixels first, which are dropped before the next are made.
  const byFormat = waiting <= WAITING_BYTES_MAX;
  return places
    .sort((a, b) => (byFormat ? a.rank - b.rank || a.picture - b.picture : a.picture - b.picture || a.rank - b.rank))
    .map(({ picture, place }) => [picture, place] as const);
}

/** Of an output, over all frames: as many as an original may have. */
export const OUTPUT_PIXELS_MAX = 100_000_000;

/** Longest side that a format, or its encoder here, can hold. */
const SIDE_MAX: Readonly<Record<RenderedFormat, number>> = {
  jpeg: 65_500,
  png: 1_000_000,
  webp: 16_383,
  avif: 16_384,
  gif: 65_535,
  tiff: 1_000_000,
};

/**
 * Of an output without loss, over all frames: a photograph of so many takes WebP's encoder about 25 s, three quarters
 * of a microsecond a pixel. AVIF at effort 0 takes a twentieth of one, and needs no bound of its own.
 */
const LOSSLESS_PIXELS_MAX = 32_000_000;

function tooLarge({ scaled, framed, size }: Layout, { format, animated, lossless }: PlannedOutput, frames: number) {
  const shown = animated ? frames : 1;
  const large = [scaled, framed, size].find((each) => pixelsOf(each) * shown > OUTPUT_PIXELS_MAX);
  const isLong = longerSide(size) > SIDE_MAX[format];
  const isSlow = lossless && pixelsOf(size) * shown > LOSSLESS_PIXELS_MAX;
  if (!large && !isLong && !isSlow) return undefined;
  const { width, height } = large ?? size;
  const name = format.toUpperCase();
  const bound = large
    ? `an output may have ${OUTPUT_PIXELS_MAX} pixels over all frames`
    : isLong
      ? `${name} holds ${SIDE_MAX[format]} on a side`
      : `lossless ${name} is made of at most ${LOSSLESS_PIXELS_MAX} pixels over all frames`;
  const message = `the output would be ${width} × ${height} pixels${animated ? ` in ${frames} frames` : ''}, and ${bound}`;
  return { code: 'output_too_large', message } satisfies Cause;
}
