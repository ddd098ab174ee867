import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Transformation } from '@safelight/contract';
import sharp from 'sharp';
import { BOUNDS_DEFAULT, type Bounds } from '../../packages/service/src/renditions/bounds.ts';
import { CRASH_ISOLATION } from '../../packages/service/src/renditions/isolation.ts';
import {
  type ProbeResult,
  type RunLimits,
  type RunResult,
  startWorkerProcess,
  type WorkerOptions,
  type WorkerProcess,
} from '../../packages/service/src/renditions/process.ts';
import type { Rejection, SourceFacts } from '../../packages/service/src/renditions/protocol.ts';

/** Bounds wide enough for everything that is not about bounds. */
export const GENEROUS: RunLimits = { deadlineMs: 50_000, rssBytesMax: 4e9 };

export const BOXES: readonly Transformation[] = [600, 300, 100].map((side) => ({ w: side, h: side }));

/** An output as a reader of the file sees it. */
export interface Seen {
  readonly file: Buffer;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
}

/** A real worker process on a real scratch folder, with the supervisor's moves as one call each. */
export class WorkerRig implements AsyncDisposable {
  readonly worker: WorkerProcess;
  readonly directory: string;
  readonly said: { fields: object; message: string }[] = [];

  private constructor(directory: string, options: Partial<WorkerOptions>) {
    this.directory = directory;
    this.worker = startWorkerProcess({
      slot: 0,
      scratchDirectory: join(directory, 'scratch'),
      isolation: CRASH_ISOLATION,
      log: { warn: (fields, message) => this.said.push({ fields, message }) },
      ...options,
    });
  }

  static async start(options: Partial<WorkerOptions> = {}): Promise<WorkerRig> {
    const rig = new WorkerRig(await mkdtemp(join(tmpdir(), 'safelight-rig-')), options);
    await rig.worker.ready.catch(() => undefined);
    return rig;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.worker.kill();
    await this.worker.exited;
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Puts an original into a folder of its own and returns the folder's name. */
  async put(original: Buffer): Promise<string> {
    const { name, path } = this.worker.scratch.takeFolder(randomUUID());
    await writeFile(join(path, 'original'), original, { mode: 0o444 });
    return name;
  }

  async probe(original: Buffer, bounds: Bounds = BOUNDS_DEFAULT): Promise<ProbeResult> {
    const folder = await this.put(original);
    return this.worker.probe({ id: folder, folder, bounds }, GENEROUS);
  }

  async facts(original: Buffer): Promise<SourceFacts> {
    const probed = await this.probe(original);
    if ('facts' in probed) return probed.facts;
    throw new Error(`refused: ${probed.rejection.code}: ${probed.rejection.message}`);
  }

  async rejection(original: Buffer, bounds?: Bounds): Promise<Rejection> {
    const probed = await this.probe(original, bounds);
    if ('rejection' in probed) return probed.rejection;
    throw new Error(`accepted: ${JSON.stringify(probed.facts)}`);
  }

  /** Probes and renders, and returns the outputs in the order of the transformations. */
  async render(original: Buffer, transformations: readonly Transformation[], limits = GENEROUS): Promise<Seen[]> {
    const { folder, result } = await this.run(original, transformations, limits);
    if (result.failures[0]) throw new Error(JSON.stringify(result.failures[0].cause));
    return Promise.all(transformations.map((_, index) => this.see(folder, index)));
  }

  async run(
    original: Buffer,
    transformations: readonly Transformation[],
    limits: RunLimits = GENEROUS,
  ): Promise<{ folder: string; source: SourceFacts; result: RunResult }> {
    const source = await this.facts(original);
    const folder = await this.put(original);
    const job = { id: folder, folder, source, transformations, bounds: BOUNDS_DEFAULT };
    return { folder, source, result: await this.worker.run(job, limits) };
  }

  async see(folder: string, index: number): Promise<Seen> {
    const file = Buffer.from(await this.worker.scratch.readOutput(folder, index, 256e6));
    const metadata = await sharp(file).metadata();
    const format = metadata.format === 'heif' ? 'avif' : metadata.format;
    return { file, format, width: metadata.width, height: metadata.height, frames: metadata.pages ?? 1 };
  }
}

/** The median one of a few pixels around a place given in shares of width and height: `[r, g, b]` or `[r, g, b, a]`. */
export async function colourAt(file: Buffer, x: number, y: number, page = 0): Promise<number[]> {
  const { data, info } = await sharp(file, { page }).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  const at = (Math.floor(y * info.height) * info.width + Math.floor(x * info.width)) * info.channels;
  return [...data.subarray(at, at + info.channels)];
}

/** Mean absolute difference of two pictures of one size over all samples, in levels of 0 to 255. */
export async function meanDifference(a: Buffer, b: Buffer): Promise<number> {
  const [left, right] = await Promise.all(
    [a, b].map((file) => sharp(file).flatten({ background: '#fff' }).toColourspace('srgb').raw().toBuffer()),
  );
  if (!left || !right || left.length !== right.length) throw new Error('pictures of different sizes');
  let sum = 0;
  for (const [at, sample] of left.entries()) sum += Math.abs(sample - (right[at] ?? 0));
  return sum / left.length;
}

const CORPUS = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));

/** Whether a collection of real pictures lies beside the repository; tests that need it are skipped without. */
export const hasCorpus = existsSync(CORPUS);

export function corpus(name: string): Promise<Buffer> {
  return readFile(join(CORPUS, name));
}
