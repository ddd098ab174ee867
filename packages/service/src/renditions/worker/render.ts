import { readFile, rm } from 'node:fs/promises';
import type { Sharp } from 'sharp';
import { type Animation, applyAll, applyDecode, applyOutput, decodeOptions, isHarmlessWarning } from '../ops/index.ts';
import type { PlannedOutput, RenderPlan, Size, SizeGroup } from '../plan.ts';
import type { Cause, Output, RenderTask } from '../protocol.ts';
import type { SourceFacts } from '../source.ts';
import { causeOf } from './causes.ts';
import type { Decoder } from './decoder.ts';
import { svgDanger } from './svg.ts';

/** What came of one output: told as soon as it lies in its file. */
export type Rendered =
  | { readonly output: Omit<Output, 'cpuMs'> }
  | { readonly failure: { readonly index: number; readonly cause: Cause } };

interface Job {
  readonly decoder: Decoder;
  readonly task: RenderTask;
  readonly source: SourceFacts;
  readonly plan: RenderPlan;
  readonly input: string | Buffer;
  readonly animation: Animation | undefined;
  readonly fileOf: (index: number) => string;
}

/** Raw pixels of 8 bits, all frames below one another. */
interface Pixels extends Size {
  readonly data: Buffer;
  readonly channels: 1 | 2 | 3 | 4;
  readonly frames: number;
}

/**
 * Makes a task's outputs from `original`, each into the file that `fileOf` names for its index. A source that cannot
 * be decoded fails all outputs; one that cannot be encoded fails alone.
 */
export async function* render(
  decoder: Decoder,
  task: RenderTask,
  { original, fileOf }: { original: string; fileOf: (index: number) => string },
): AsyncGenerator<Rendered> {
  const { plan } = task;
  const outputs = plan.groups.flatMap((group) => group.outputs);
  const failAll = (cause: Cause): Rendered[] => outputs.map(({ index }) => ({ failure: { index, cause } }));
  let shared: Pixels | undefined;
  let job: Job;
  try {
    const input = task.source.format === 'svg' ? await readFile(original) : original;
    const danger = typeof input === 'string' ? undefined : svgDanger(input);
    if (danger !== undefined) return yield* failAll({ code: 'unsafe_svg', message: danger });
    const animation = plan.animated ? await readAnimation(decoder, input) : undefined;
    job = { decoder, task, source: task.source, plan, input, animation, fileOf };
    if (!plan.streamed) shared = await decodeShared(job);
  } catch (error) {
    return yield* failAll(causeOf(error, 'decode_failed'));
  }
  for (const group of plan.groups) yield* renderGroup(job, group, shared);
}

async function* renderGroup(job: Job, group: SizeGroup, shared: Pixels | undefined): AsyncGenerator<Rendered> {
  let pixels = shared;
  for (const output of group.outputs) {
    try {
      if (pixels && group.outputs.length > 1 && !isOfSize(pixels, group.size))
        pixels = await derive(job, pixels, group);
      const bytes = pixels
        ? await encodeFrom(job, pixels, group.size, output)
        : await encodeStreamed(job, group.size, output);
      const frames = output.animated ? job.source.frames : 1;
      yield { output: { index: output.index, format: output.format, ...group.size, frames, bytes } };
    } catch (error) {
      await rm(job.fileOf(output.index), { force: true });
      yield { failure: { index: output.index, cause: causeOf(error, pixels ? 'encode_failed' : 'decode_failed') } };
    }
  }
}

/** The one decode: pixels of the largest output. */
async function decodeShared(job: Job): Promise<Pixels> {
  const step = { source: job.source, size: job.plan.decoded, output: undefined, animation: job.animation };
  return decodeLeniently(job, (image) => rawPixels(applyDecode(image, step), step.size));
}

/** Another size from the shared pixels, once for all outputs that want it. */
function derive(job: Job, pixels: Pixels, { size }: SizeGroup): Promise<Pixels> {
  return rawPixels(openPixels(job.decoder, pixels).resize(size.width, size.height, { fit: 'fill' }), size);
}

async function encodeFrom(job: Job, pixels: Pixels, size: Size, output: PlannedOutput): Promise<number> {
  const image = openPixels(job.decoder, output.animated ? pixels : firstFrame(pixels));
  const step = { source: job.source, size, output, animation: job.animation };
  return (await applyOutput(image, step).toFile(job.fileOf(output.index))).size;
}

function encodeStreamed(job: Job, size: Size, output: PlannedOutput): Promise<number> {
  const step = { source: job.source, size, output, animation: job.animation };
  return decodeLeniently(job, async (image) => (await applyAll(image, step).toFile(job.fileOf(output.index))).size);
}

/** Runs `work` on the opened source, and once more with less strictness when only a harmless warning stood against it. */
async function decodeLeniently<T>(job: Job, work: (image: Sharp) => Promise<T>): Promise<T> {
  const open = (lenient: boolean) =>
    job.decoder.open(
      job.input,
      decodeOptions(job.source, { animated: job.plan.animated, bounds: job.task.bounds, lenient }),
    );
  try {
    return await work(open(false));
  } catch (error) {
    if (!(error instanceof Error && isHarmlessWarning(error.message))) throw error;
    return work(open(true));
  }
}

async function rawPixels(image: Sharp, size: Size): Promise<Pixels> {
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return { data, ...size, channels: info.channels as Pixels['channels'], frames: info.height / size.height };
}

function openPixels(decoder: Decoder, { data, width, height, channels, frames }: Pixels): Sharp {
  const still = { width, height: height * frames, channels };
  return decoder.open(data, {
    // Every pixel was bounded when it was decoded.
    limitInputPixels: false,
    animated: frames > 1,
    raw: frames > 1 ? { ...still, pageHeight: height } : still,
  });
}

function firstFrame(pixels: Pixels): Pixels {
  const bytes = pixels.width * pixels.height * pixels.channels;
  return { ...pixels, data: pixels.data.subarray(0, bytes), frames: 1 };
}

function isOfSize(pixels: Pixels, size: Size): boolean {
  return pixels.width === size.width && pixels.height === size.height;
}

async function readAnimation(decoder: Decoder, input: string | Buffer): Promise<Animation> {
  const { delay, loop } = await decoder.open(input, { limitInputPixels: false }).metadata();
  return { delaysMs: delay ?? [], loop: loop ?? 0 };
}
