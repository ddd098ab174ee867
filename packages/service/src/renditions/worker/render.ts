import { readFile, rm } from 'node:fs/promises';
import { type Arrangement, arrange, type Picture, type PlannedOutput } from '../arrange.ts';
import { type Base, baseOf, type Decoding, decodingOf } from '../base.ts';
import { isTurned, type Size, swapped } from '../geometry.ts';
import {
  type Animation,
  type Credits,
  decodeOptions,
  firstFrame,
  isHarmlessWarning,
  type Operation,
  operationsOf,
  type Pixels,
  type Step,
  trimBox,
} from '../ops/index.ts';
import type { PlannedBase } from '../plan.ts';
import type { Cause, Looks, Output, RenderTask } from '../protocol.ts';
import { pyramidFacts } from '../pyramid.ts';
import { reducerFactor } from '../reduce.ts';
import type { SourceFacts } from '../source.ts';
import { causeOf } from './causes.ts';
import { readCredits } from './credits.ts';
import type { Decoder } from './decoder.ts';
import type { LentPixels } from './jpeg-reducer.ts';
import { looksOf } from './looks.ts';
import { Overlays } from './overlays.ts';
import { Developer, type Start } from './pipeline.ts';
import { svgDanger } from './svg.ts';

/** What came of one output: told as soon as it lies in its file. */
export type Rendered =
  | { readonly output: Omit<Output, 'cpuMs'> }
  | { readonly failure: { readonly index: number; readonly cause: Cause } }
  /** After all outputs, since nobody waits for it. */
  | { readonly looks: Looks }
  /** Before the outputs that are made of it. */
  | { readonly pyramidBytes: number };

interface Job {
  readonly decoder: Decoder;
  readonly developer: Developer;
  readonly task: RenderTask;
  readonly input: string | Buffer;
  readonly credits: Credits | undefined;
  readonly fileOf: (name: number | string) => string;
  /** Path of the source's pyramid, for the bases that are read from it. */
  readonly pyramid: string;
}

/** Where a task's files are. */
export interface TaskFiles {
  readonly original: string;
  readonly pyramid: string;
  readonly fileOf: (name: number | string) => string;
}

/** One base of a job, when its size is known. */
interface Work {
  readonly job: Job;
  readonly base: Base;
  readonly arrangement: Arrangement;
  readonly animation: Animation | undefined;
  /** The shared pixels, where all of them had to be looked at already. */
  readonly trimmed: Pixels | undefined;
}

/**
 * Makes a task's outputs from `original`, each into the file that `fileOf` names for its index. A source that cannot
 * be decoded fails all outputs; one that cannot be encoded fails alone.
 */
export async function* render(
  decoder: Decoder,
  task: RenderTask,
  { original, pyramid, fileOf }: TaskFiles,
): AsyncGenerator<Rendered> {
  const { bases, failures } = task.plan;
  for (const failure of failures) yield { failure };
  if (bases.length === 0) return;
  let job: Job;
  try {
    const input = task.source.format === 'svg' ? await readFile(original) : original;
    const danger = typeof input === 'string' ? undefined : svgDanger(input);
    if (danger !== undefined) return yield* failAll(bases, { code: 'unsafe_svg', message: danger });
    const developer = new Developer(decoder, new Overlays(decoder, task, fileOf));
    const isCredited = bases.flatMap(outputsOf).some(({ credited }) => credited);
    const credits = isCredited ? await readCredits(decoder, input) : undefined;
    job = { decoder, developer, task, input, credits, fileOf, pyramid };
    if (task.pyramid === 'make') yield { pyramidBytes: await makePyramid(job) };
  } catch (error) {
    return yield* failAll(bases, causeOf(error, 'decode_failed'));
  }
  let looks: Looks | undefined;
  for (const planned of bases) looks = (yield* renderBase(job, planned)) ?? looks;
  if (looks) yield { looks };
}

function* failAll(bases: readonly PlannedBase[], cause: Cause): Generator<Rendered> {
  for (const { index } of bases.flatMap(outputsOf)) yield { failure: { index, cause } };
}

function outputsOf({ arrangement, later }: PlannedBase): readonly PlannedOutput[] {
  return later ? later.map(({ output }) => output) : arrangement.pictures.flatMap(({ outputs }) => outputs);
}

/** @returns what the picture looks like, if that is asked for and can be seen here */
async function* renderBase(job: Job, planned: PlannedBase): AsyncGenerator<Rendered, Looks | undefined> {
  let work: Work;
  let shared: Pixels | undefined;
  try {
    const prepared = await prepare(job, planned);
    if ('cause' in prepared) return yield* failAll([planned], prepared.cause);
    work = prepared;
    if (planned.later) for (const failure of work.arrangement.failures) yield { failure };
    if (work.arrangement.pictures.length === 0) return undefined;
    shared = work.trimmed ?? (work.arrangement.streamed ? undefined : await decode(work, work.arrangement.decoded));
  } catch (error) {
    return yield* failAll([planned], causeOf(error, 'decode_failed'));
  }
  yield* renderPictures(work, shared);
  return job.task.looks && shared && isWhole(work.base) ? looksOf(firstFrame(shared)) : undefined;
}

function isWhole({ page = 0, orient, rect, trimTolerance, isWide }: Base): boolean {
  return page === 0 && orient === undefined && rect === undefined && trimTolerance === undefined && !isWide;
}

/** Finds out what the plan could not know: the size of a page, and what is left of a border. */
async function prepare(
  job: Job,
  { base, animated, arrangement, later }: PlannedBase,
): Promise<Work | { cause: Cause }> {
  const animation = animated ? await readAnimation(job) : undefined;
  const work: Work = { job, base, arrangement, animation, trimmed: undefined };
  if (!later) return work;
  const found = (base.page ?? 0) > 0 ? await findPage(job, base) : { base };
  if ('cause' in found) return found;
  const { source } = job.task;
  const options = { isVector: source.format === 'svg' && base.trimTolerance === undefined, frames: source.frames };
  const known: Work = { ...work, base: found.base };
  if (base.trimTolerance === undefined) return { ...known, arrangement: arrange(found.base.size, later, options) };
  const whole = await decode(known, found.base.size);
  const box = trimBox(firstFrame(whole), base.trimTolerance);
  const arranged = { ...known, base: { ...found.base, size: box }, arrangement: arrange(box, later, options) };
  return { ...arranged, trimmed: await job.developer.cut(whole, box, stepOf(arranged, arranged.arrangement.decoded)) };
}

/** The base on the page that is asked for, whose size its own header tells. */
async function findPage({ decoder, input, task }: Job, base: Base): ReturnType<typeof baseOfPage> {
  return baseOfPage(
    await decoder.open(input, { limitInputPixels: false, page: base.page ?? 0 }).metadata(),
    task,
    base,
  );
}

async function baseOfPage(
  { width, height, orientation = 1 }: Size & { readonly orientation?: number | undefined },
  { bounds }: RenderTask,
  base: Base,
): Promise<ReturnType<typeof baseOf>> {
  const pixels = width * height;
  if (pixels > bounds.pixelsMax || Math.max(width, height) > bounds.sideMax) {
    const message = `the page has ${width} × ${height} pixels, more than the ${bounds.pixelsMax} allowed`;
    return { cause: { code: 'decode_failed', message } };
  }
  return baseOf(base, { stored: { width, height }, orientation });
}

async function* renderPictures(work: Work, shared: Pixels | undefined): AsyncGenerator<Rendered> {
  const { pictures, order } = work.arrangement;
  const waiting = new Map<number, Pixels>();
  for (const [at, [place, outputPlace]] of order.entries()) {
    const picture = pictures[place];
    const output = picture?.outputs[outputPlace];
    if (!picture || !output) continue;
    try {
      const pixels =
        shared && picture.outputs.length > 1
          ? (waiting.get(place) ?? (await develop(work, shared, picture)))
          : undefined;
      if (pixels) waiting.set(place, pixels);
      const bytes = await write(work, { shared, pixels }, picture, output);
      const frames = output.animated ? work.job.task.source.frames : 1;
      yield { output: { index: output.index, format: output.format, ...picture.layout.size, frames, bytes } };
    } catch (error) {
      await rm(work.job.fileOf(output.index), { force: true });
      yield { failure: { index: output.index, cause: causeOf(error, shared ? 'encode_failed' : 'decode_failed') } };
    }
    if (!order.slice(at + 1).some(([later]) => later === place)) waiting.delete(place);
  }
}

/** All of the source as it is stored, in a file from which areas are read. */
function makePyramid(job: Job): Promise<number> {
  const { width, height, orientation } = job.task.source;
  const stored = isTurned(orientation) ? swapped({ width, height }) : { width, height };
  const request = { page: undefined, orient: undefined, rect: undefined, trimTolerance: undefined, isWide: false };
  const base: Base = { ...request, stored, orientation: 1, size: stored };
  const arrangement: Arrangement = { decoded: stored, streamed: true, pictures: [], order: [], failures: [] };
  const work: Work = { job, base, arrangement, animation: undefined, trimmed: undefined };
  return fromSource(work, operationsOf('decode'), (start, way) =>
    job.developer.toPyramid(start, way, stepOf(work, stored), job.pyramid),
  );
}

/** The one decode. */
function decode(work: Work, target: Size): Promise<Pixels> {
  const step = stepOf(work, target);
  const { developer } = work.job;
  return fromSource(work, operationsOf('decode'), (start, way) => developer.toPixels(start, way, step));
}

/** The pixels of a picture, once for all outputs that want them. */
function develop(work: Work, shared: Pixels, picture: Picture): Promise<Pixels> {
  const pixels = picture.animated ? shared : firstFrame(shared);
  return work.job.developer.toPixels({ pixels }, operationsOf('develop'), {
    ...stepOf(work, work.arrangement.decoded),
    picture,
  });
}

function write(
  work: Work,
  { shared, pixels }: { readonly shared: Pixels | undefined; readonly pixels: Pixels | undefined },
  picture: Picture,
  output: PlannedOutput,
): Promise<number> {
  const { job, arrangement } = work;
  const step: Step = { ...stepOf(work, arrangement.decoded), picture, output };
  const path = job.fileOf(output.index);
  if (pixels) return job.developer.toFile({ pixels }, operationsOf('write'), step, path);
  if (shared) {
    const start = { pixels: picture.animated ? shared : firstFrame(shared) };
    return job.developer.toFile(start, operationsOf('developAndWrite'), step, path);
  }
  return fromSource(work, operationsOf('all'), (start, way) => job.developer.toFile(start, way, step, path));
}

/** Of what a base is read from. */
function sourceOf({ job, base }: Work): SourceFacts {
  return base.fromPyramid ? pyramidFacts(job.task.source) : job.task.source;
}

function stepOf(work: Work, decoded: Size): Step {
  const { job, base, animation } = work;
  const source = sourceOf(work);
  return {
    source,
    base,
    decoding: decodingOf(source, base, decoded),
    decoded,
    picture: undefined,
    output: undefined,
    animation,
    credits: job.credits,
  };
}

/** Runs `work` on the opened source, and once more with less strictness when only a harmless warning stood against it. */
async function fromSource<T>(
  work: Work,
  way: readonly Operation[],
  run: (start: Start, way: readonly Operation[]) => Promise<T>,
): Promise<T> {
  const { job, base, arrangement, animation } = work;
  const source = sourceOf(work);
  const decoding = decodingOf(source, base, arrangement.decoded);
  using reduced = reduceSource(work, decoding);
  if (reduced) return await run({ pixels: reduced }, way);
  const animated = animation !== undefined;
  const page = decoding.level ?? base.page ?? 0;
  const input = base.fromPyramid ? job.pyramid : job.input;
  const open = (lenient: boolean): Start => {
    const options = decodeOptions(source, { animated, page, bounds: job.task.bounds, lenient });
    return { image: job.decoder.open(input, options), frames: animated ? source.frames : 1 };
  };
  try {
    return await run(open(false), way);
  } catch (error) {
    if (!(error instanceof Error && isHarmlessWarning(error.message))) throw error;
    return run(open(true), way);
  }
}

/** The source as fewer pixels, where it is a JPEG that need not be decoded as a whole. */
function reduceSource({ job, base }: Work, decoding: Decoding): LentPixels | undefined {
  const factor = reducerFactor(job.task.source, base, decoding);
  if (!factor || base.fromPyramid || typeof job.input !== 'string') return undefined;
  return job.decoder.reducer.reduce(job.input, { stored: base.stored, factor });
}

async function readAnimation({ decoder, input }: Job): Promise<Animation> {
  const { delay, loop } = await decoder.open(input, { limitInputPixels: false }).metadata();
  return { delaysMs: delay ?? [], loop: loop ?? 0 };
}
