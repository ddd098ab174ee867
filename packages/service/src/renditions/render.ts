import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Transformation } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { Database } from '../db/database.ts';
import type { ClaimedJob } from '../jobs/index.ts';
import { copyObjectTo } from '../ports/copy-object.ts';
import { type ObjectStore, OutOfSpaceError } from '../ports/object-store.ts';
import type { Bounds } from './bounds.ts';
import { endRenditions, type HeldJob, type JobResults } from './end.ts';
import { putMarks } from './marks.ts';
import type { MadeRendition, Rendition, RenditionCause } from './model.ts';
import { readTransformation } from './order.ts';
import { planRender } from './plan.ts';
import { type OutputPrediction, predictJob } from './predict.ts';
import type { WorkerProcess } from './process.ts';
import type { Looks, MadePyramid, Output, SourceFacts } from './protocol.ts';
import { canHavePyramid } from './pyramid.ts';
import { keepNewPyramid } from './pyramid-keep.ts';
import { type FoundPyramid, putPyramid, refuseDamaged, usePyramid } from './pyramid-use.ts';
import { ORIGINAL_FILE } from './scratch.ts';
import { findWork, type WorkRow } from './work.ts';

export interface RenderDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly store: ObjectStore;
  readonly bounds: Bounds;
  /** Resident bytes at which the worker is killed. */
  readonly rssBytesMax: number;
  /** Called with each output that lies in the store and that somebody waits for, before it is made true. */
  readonly onStored?: (objectKey: string, bytes: Buffer) => void;
  /** Called after each commit with what ended by it. */
  readonly onEnded: (ended: readonly Rendition[]) => void;
}

/** Claimed in a lane, which tells whether somebody waits; `solitary` when a worker has died of it. */
type LaneJob = HeldJob & Pick<ClaimedJob, 'lane' | 'solitary'>;

interface Work {
  readonly renditionId: string;
  readonly transformation: string;
}

export interface RenderOptions {
  /** What the job has to make, where that was read when it was leased. */
  readonly known?: readonly WorkRow[] | undefined;
  /** Called when the job needs its worker no more: what is left is to store the last output and to make it true. */
  readonly onLeft?: (() => void) | undefined;
}

/**
 * Outputs that took longer than this to make are made true before the rest of their job is done, if that is predicted to
 * take so much CPU: three presets of one decode come within milliseconds of each other, and share a transaction.
 */
const INTERIM_MS = 250;
const INTERIM_REST_MICROS_MIN = 50_000;
/** An output is held in memory once, between scratch folder and object store. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Renders a claimed job in a worker process: original into the scratch folder, outputs out of it into the object store
 * under fresh keys, then the rows, all of a job in one transaction unless that would keep somebody waiting.
 * @returns how many renditions ended; fewer than were owed when the job or the image was lost meanwhile.
 * @throws WorkerDiedError, or what store or database threw: the caller releases the job accordingly.
 */
export async function renderJob(
  deps: RenderDeps,
  worker: WorkerProcess,
  job: LaneJob,
  { known, onLeft }: RenderOptions = {},
): Promise<number> {
  const rows = known ?? (await findWork(deps.database, job));
  const [first] = rows;
  // The image was deleted between enqueue and claim, or an earlier attempt did all: only the job is left to end.
  if (!first) {
    await endRenditions(deps.database, deps.clock, job, { ready: [], failed: [] }, true);
    return 0;
  }
  const attempt = `${job.jobId}-${job.token}`;
  const folder = worker.scratch.takeFolder(attempt);
  const ending = new Ending(deps, worker, job, folder.name, rows.map(toWork));
  let emptied: Promise<void> | undefined;
  const leave = () => {
    emptied ??= worker.scratch.giveBackFolder(folder, rows.length);
    return emptied;
  };
  try {
    const transformations = rows.map((row) => readTransformation(row.transformation));
    const found = await putSources(deps, worker, job, { ...first, transformations, path: folder.path });
    const pyramid = found.use;
    const marks = await putMarks(deps, job.tenantId, transformations, folder.path);
    const { deadlineMs, effort, outputs } = predictJob(first.facts, transformations, { lane: job.lane, pyramid });
    ending.expect(outputs);
    const { failures, looks } = await worker.run(
      {
        id: attempt,
        folder: folder.name,
        source: first.facts,
        transformations,
        effort,
        bounds: deps.bounds,
        marks,
        looks: first.lacks_looks,
        pyramid,
      },
      {
        deadlineMs,
        rssBytesMax: deps.rssBytesMax,
        onOutput: (output) => ending.take(output),
        onPyramid: (made) => ending.takePyramid(first.facts, made),
      },
    );
    // What goes wrong here is thrown below, where the folder is left for good.
    ending
      .allRead()
      .then(leave)
      .then(onLeft, () => undefined);
    await refuseDamaged(deps, job, found, failures);
    return await ending.finish(failures, looks);
  } catch (error) {
    await ending.abandon();
    throw error;
  } finally {
    await leave();
  }
}

/** Puts what the outputs are made of into the job's folder: the pyramid, if that is ready, the original, or both. */
async function putSources(
  deps: RenderDeps,
  worker: WorkerProcess,
  job: LaneJob,
  work: Pick<WorkRow, 'object_key' | 'facts'> & {
    readonly transformations: readonly Transformation[];
    readonly path: string;
  },
): Promise<FoundPyramid> {
  const { facts, transformations, path } = work;
  const putOriginal = () => copyObjectTo(deps.store, work.object_key, join(path, ORIGINAL_FILE));
  if (!canHavePyramid(facts)) {
    await putOriginal();
    return { use: 'none' };
  }
  const isMakeable = predictJob(facts, transformations, { pyramid: 'make' }).bytes <= deps.rssBytesMax;
  const found = await usePyramid(deps, job, facts, transformations, {
    mayMake: !job.solitary && isMakeable,
    gone: worker.exited,
  });
  const isReady = found.objectKey !== undefined && (await putPyramid(deps, job, found.objectKey, path));
  const { bases } = planRender(facts, transformations, isReady);
  if (bases.some(({ base }) => !base.fromPyramid)) await putOriginal();
  return found.objectKey === undefined || isReady ? found : { use: 'none' };
}

function toWork(row: WorkRow): Work {
  return { renditionId: row.rendition_id, transformation: row.transformation };
}

/** Stores outputs as they come and makes them true in as few transactions as nobody notices. */
class Ending {
  readonly #deps: RenderDeps;
  readonly #worker: WorkerProcess;
  readonly #job: LaneJob;
  readonly #folder: string;
  readonly #work: readonly Work[];
  /** CPU that each output is predicted to take, by its index, of those that have not come yet. */
  readonly #expectedMicros = new Map<number, number>();
  readonly #stored: { renditionId: string; made: MadeRendition; pixels: number }[] = [];
  #ended = 0;
  #lastCommitAt: number;
  /** Settles when the last output that the worker told of is in memory; one is read when that before it is stored. */
  #read: Promise<unknown> = Promise.resolve();
  #chain: Promise<void> = Promise.resolve();
  #keeping: Promise<void> | undefined;
  #failure: unknown;

  constructor(deps: RenderDeps, worker: WorkerProcess, job: LaneJob, folder: string, work: readonly Work[]) {
    this.#deps = deps;
    this.#worker = worker;
    this.#job = job;
    this.#folder = folder;
    this.#work = work;
    this.#lastCommitAt = deps.clock.monotonic();
  }

  expect(outputs: readonly OutputPrediction[]): void {
    for (const { index, costMicros } of outputs) this.#expectedMicros.set(index, costMicros);
  }

  take(output: Output): void {
    this.#expectedMicros.delete(output.index);
    const reading = this.#chain.then(() => (this.#failure === undefined ? this.#bytesOf(output) : undefined));
    this.#read = reading.catch(() => undefined);
    this.#chain = reading
      .then((bytes) => bytes && this.#store(output, bytes))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  /** Settles when nothing of what the worker has told of need be read from its folder any more. */
  async allRead(): Promise<void> {
    await Promise.all([this.#read, this.#keeping]);
  }

  /** Keeps the pyramid beside the outputs that are made of it. */
  takePyramid(source: SourceFacts, made: MadePyramid): void {
    const { scratch } = this.#worker;
    this.#keeping = keepNewPyramid(this.#deps, this.#job, { scratch, folder: this.#folder, source, made });
  }

  async finish(
    failures: readonly { readonly index: number; readonly cause: RenditionCause }[],
    looks: Looks | undefined,
  ): Promise<number> {
    await this.#chain;
    if (this.#failure !== undefined) throw this.#failure;
    // The machine's fault, not the picture's: another try may find room.
    const full = failures.find(({ cause }) => cause.code === 'out_of_space');
    if (full) throw new OutOfSpaceError(full.cause.message);
    const failed = failures.map(({ index, cause }) => ({ renditionId: this.#workAt(index).renditionId, cause }));
    await this.#keep();
    await this.#commit({ ready: this.#stored.splice(0), failed, looks }, true);
    return this.#ended;
  }

  /** Removes what was stored and never made true. */
  async abandon(): Promise<void> {
    await Promise.all([this.#chain, this.#keeping]);
    await this.#remove(this.#stored.splice(0).map(({ made }) => made.objectKey));
  }

  /** Whoever waits for the outputs does not wait for the pyramid. */
  async #keep(): Promise<void> {
    if (!this.#keeping) return;
    if (this.#stored.length > 0) await this.#commit({ ready: this.#stored.splice(0), failed: [] }, false);
    await this.#keeping;
  }

  async #store(output: Output, bytes: Buffer): Promise<void> {
    const { clock, store } = this.#deps;
    const { renditionId } = this.#workAt(output.index);
    const objectKey = `${this.#job.tenantId}/rendition/${newId('object', clock)}`;
    await store.put(objectKey, bytes);
    if (this.#job.lane === 'live') this.#deps.onStored?.(objectKey, bytes);
    const { format, width, height, frames, cpuMs } = output;
    const sha256 = createHash('sha256').update(bytes).digest();
    const renderMs = Math.round(cpuMs);
    this.#stored.push({
      renditionId,
      made: { objectKey, sha256, bytes: bytes.length, format, width, height, renderMs },
      pixels: width * height * frames,
    });
    if (clock.monotonic() - this.#lastCommitAt > INTERIM_MS && this.#restMicros() >= INTERIM_REST_MICROS_MIN) {
      await this.#commit({ ready: this.#stored.splice(0), failed: [] }, false);
    }
  }

  #restMicros(): number {
    return [...this.#expectedMicros.values()].reduce((sum, micros) => sum + micros, 0);
  }

  async #bytesOf(output: Output): Promise<Buffer> {
    const bytes = await this.#worker.scratch.readOutput(this.#folder, output.index, OUTPUT_BYTES_MAX);
    invariant(bytes.length === output.bytes, `an output of ${bytes.length} bytes where ${output.bytes} were told`);
    return bytes;
  }

  async #commit(results: JobResults, final: boolean): Promise<void> {
    let ended: Rendition[];
    try {
      ended = await endRenditions(this.#deps.database, this.#deps.clock, this.#job, results, final);
    } catch (error) {
      // The fate of a commit whose answer was lost is unknown: the objects stay, and the janitor sweeps what no row names.
      this.#stored.length = 0;
      throw error;
    }
    this.#lastCommitAt = this.#deps.clock.monotonic();
    this.#ended += ended.length;
    this.#deps.onEnded(ended);
    const named = new Set(ended.map((rendition) => rendition.renditionId));
    const unnamed = results.ready.filter(({ renditionId }) => !named.has(renditionId));
    await this.#remove(unnamed.map(({ made }) => made.objectKey));
  }

  async #remove(keys: readonly string[]): Promise<void> {
    // What cannot be removed now is swept by the janitor.
    if (keys.length > 0) await this.#deps.store.remove(keys).catch(() => undefined);
  }

  #workAt(index: number): Work {
    const work = this.#work[index];
    invariant(work, `the worker told of output ${index} of ${this.#work.length}`);
    return work;
  }
}
