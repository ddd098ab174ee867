import { parseTransformation, type Transformation } from '@safelight/contract';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { Seen, WorkerRig } from './worker-rig.ts';

/** What a parameter's value must make of a picture: a size, and colours at places given in shares of width and height. */
export interface Golden {
  /** As in a URL. */
  readonly ask: string;
  readonly size: readonly [width: number, height: number];
  readonly colours?: readonly ColourAt[];
  /** By how many levels a colour may be off; 2 if not given. */
  readonly levels?: number;
}

export type ColourAt = readonly [x: number, y: number, ...colour: number[]];

export function ask(query: string): Transformation {
  const parsed = parseTransformation(new URLSearchParams(query));
  if (!parsed.ok) throw new Error(`${query}: ${JSON.stringify(parsed.problems)}`);
  return parsed.transformation;
}

/** The output by itself, and as one of several that come from the same pixels. */
export async function bothWays(rig: WorkerRig, original: Buffer, query: string): Promise<Seen[]> {
  const transformation = ask(query);
  const [alone] = await rig.render(original, [transformation]);
  const inOtherFormat: Transformation = { ...transformation, fm: 'webp' };
  const [, , among] = await rig.render(original, [{ w: 48 }, inOtherFormat, transformation]);
  return [alone, among].flatMap((seen) => seen ?? []);
}

/** Renders and compares. */
export async function expectGolden(rig: WorkerRig, original: Buffer, golden: Golden): Promise<void> {
  for (const [way, seen] of (await bothWays(rig, original, golden.ask)).entries()) {
    const { width, height, file } = seen;
    expect([golden.ask, way, width, height]).toEqual([golden.ask, way, ...golden.size]);
    await expectColours(file, golden);
  }
}

export async function expectColours(
  file: Buffer,
  { ask, colours = [], levels = 2 }: Omit<Golden, 'size'>,
): Promise<void> {
  const read = sharp(file).toColourspace('srgb').ensureAlpha().raw({ depth: 'uchar' });
  const { data, info } = await read.toBuffer({ resolveWithObject: true });
  for (const [x, y, ...colour] of colours) {
    const at = 4 * (Math.floor(y * info.height) * info.width + Math.floor(x * info.width));
    const found = [...data.subarray(at, at + colour.length)];
    const off = Math.max(...colour.map((level, channel) => Math.abs(level - (found[channel] ?? 0))));
    expect({ ask, x, y, colour: off <= levels ? colour : found }).toEqual({ ask, x, y, colour });
  }
}
