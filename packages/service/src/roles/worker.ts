import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ByteSemaphore } from '../core/byte-semaphore.ts';
import type { Clock } from '../core/clock.ts';
import { type Database, isTransient } from '../db/database.ts';
import {
  CLAIM_JOBS_MAX,
  type ClaimedJob,
  claim,
  forsakeLeases,
  JobWaker,
  lookAtQueue,
  REAP_EVERY_MS,
  RENEW_EVERY_MS,
  type Release,
  reapDelayMs,
  reapExpired,
  release,
  renew,
  tendQueue,
  type WorkerCounts,
} from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import { ObjectMissingError } from '../ports/object-store.ts';
import { isOutOfSpace, isStorageFailure } from '../ports/storage-failure.ts';
import {
  failRest,
  type Isolation,
  type RenderDeps,
  type Rendition,
  type Reservation,
  renderJob,
  WorkerDiedError,
  type WorkRow,
} from '../renditions/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { SlotClosedError, WorkerSlot } from './worker-slot.ts';

export interface WorkerRoleDeps extends RenderDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly nodeId: string;
  /** Nodes with workers, this one included, as far as is known. */
  readonly supervisors: () => number;
  readonly workers: number;
  /** Predicted bytes of all jobs that run at once. */
  readonly memoryBytes: number;
  readonly isolation: Isolation;
  readonly scratchDirectory: string;
}

export interface WorkerRole {
  /** A job may be there: this process has committed one. */
  hint(): void;
  /**
   * Sets an idle worker aside for a job that is about to be put into the queue; undefined while there is none, or while
   * others' jobs may wait. Whoever takes it runs a job on it or releases it, soon.
   */
  reserve(): Reservation | undefined;
  counts(): WorkerCounts;
  pids(): number[];
  /** Claims no more; what is under way goes on. */
  drain(): Promise<void>;
  /** Claims no more, lets jobs end for `graceMs`, and gives the rest back. */
  stop(graceMs: number): Promise<void>;
}

interface Running {
  readonly job: ClaimedJob;
  /** Undefined when the job needs its worker no more, which may have another by then. */
  slot: WorkerSlot | undefined;
  /** Set when the job is taken from its worker on purpose. */
  given?: 'drain' | 'lost';
}

/** A database that was killed is back within these ten seconds; a lease would take longer. */
const RELEASE_TRIES_MAX = 50;
const RELEASE_TRIES_STOPPING_MAX = 5;
const RELEASE_PAUSE_MS = 200;
/** Between two tries of a job while the storage is ill, which is checked by trying. */
const STORAGE_PAUSE_MS = 1_000;
const STARVED_WAITERS_MAX = 1_000;

/** Starts the supervisor of this node's worker processes: it alone speaks with the queue, the store and the database. */
export async function startWorkerRole(deps: WorkerRoleDeps): Promise<WorkerRole> {
  const forsaken = await forsakeLeases(deps.database, deps.nodeId);
  if (forsaken > 0) deps.log.info({ jobs: forsaken }, 'took back what this node held when it was killed');
  return new Supervisor(deps);
}

class Supervisor implements WorkerRole {
  readonly #deps: WorkerRoleDeps;
  readonly #idle: WorkerSlot[];
  readonly #slots: readonly WorkerSlot[];
  readonly #memory: ByteSemaphore;
  readonly #waker: JobWaker;
  readonly #running = new Set<Running>();
  /** By slot: the end of the last job that has left it. */
  readonly #leaving = new Map<WorkerSlot, Promise<void>>();
  readonly #timers: readonly NodeJS.Timeout[];
  #tending: NodeJS.Timeout | undefined;
  #drained: (() => void) | undefined;
  #unhired: Promise<void> | undefined;
  #stopping = false;
  /** Whether the last look into the queue found less than there was room for, and nothing has come since. */
  #isQueueEmpty = false;

  constructor(deps: WorkerRoleDeps) {
    this.#deps = deps;
    this.#memory = new ByteSemaphore({ bytesMax: deps.memoryBytes, waitersMax: STARVED_WAITERS_MAX });
    this.#slots = Array.from({ length: deps.workers }, (_, slot) => {
      const { isolation, log } = deps;
      return new WorkerSlot({ slot, isolation, log, scratchDirectory: join(deps.scratchDirectory, String(slot)) });
    });
    this.#idle = [...this.#slots];
    for (const slot of this.#slots) slot.ready().catch((error: Error) => this.#tell(error));
    const { database, nodeId } = deps;
    this.#waker = new JobWaker({
      database,
      nodeId,
      onWake: () => this.#claim(),
      onError: (error) => this.#tell(error),
    });
    this.#waker.start();
    this.#timers = [setInterval(() => this.#renew().catch((error: Error) => this.#tell(error)), RENEW_EVERY_MS)];
    this.#tendLater();
  }

  hint(): void {
    this.#isQueueEmpty = false;
    this.#waker.hint();
  }

  reserve(): Reservation | undefined {
    if (!this.#mayReserve) return undefined;
    const slot = this.#idle.pop();
    if (!slot) return undefined;
    return {
      nodeId: this.#deps.nodeId,
      run: (job, work) => {
        this.#deps.metrics.jobWaitSeconds.observe({ lane: job.lane }, 0);
        void this.#run(job, slot, work);
      },
      release: () => {
        this.#idle.push(slot);
        this.hint();
      },
    };
  }

  counts() {
    const alive = this.#slots.filter((slot) => slot.alive).length;
    const idle = this.#mayReserve ? this.#idle.length : 0;
    const busy = [...this.#running].filter(({ slot }) => slot).length;
    return { alive, wanted: this.#slots.length, busy, idle };
  }

  /** A worker that is just free asks the queue first, or `live` jobs born here would let no other lane have a turn. */
  get #mayReserve(): boolean {
    return !this.#stopping && this.#isQueueEmpty && this.#memory.waiting === 0;
  }

  pids(): number[] {
    return this.#slots.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** What is committed from here on wakes other nodes. */
  drain(): Promise<void> {
    this.#stopping = true;
    this.#unhired ??= this.#waker.close();
    return this.#unhired;
  }

  async stop(graceMs: number): Promise<void> {
    await this.drain();
    await this.#idleWithin(graceMs);
    for (const running of this.#running) {
      running.given = 'drain';
      running.slot?.kill();
    }
    await this.#idleWithin(graceMs);
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#tending);
    await Promise.all(this.#slots.map((slot) => slot.close()));
  }

  async #idleWithin(graceMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const timer = setTimeout(resolve, graceMs);
    await promise;
    clearTimeout(timer);
  }

  /** Claims what idle slots can take; true when there was nothing for one of them. */
  async #claim(): Promise<boolean> {
    const free = Math.min(this.#idle.length, CLAIM_JOBS_MAX);
    this.#isQueueEmpty = false;
    if (free === 0 || this.#stopping) return false;
    const { database, nodeId, metrics } = this.#deps;
    const jobs = await claim(database, nodeId, free);
    for (const job of jobs) {
      const slot = this.#idle.pop();
      if (!slot) break;
      metrics.jobWaitSeconds.observe({ lane: job.lane }, job.waitedMs / 1000);
      void this.#run(job, slot);
    }
    this.#isQueueEmpty = jobs.length < free;
    return this.#isQueueEmpty;
  }

  /**
   * Storing and committing the last output of a job is waiting, mostly: meanwhile its worker begins the next, though it
   * gets no further ahead than that.
   */
  async #run(job: ClaimedJob, slot: WorkerSlot, known?: readonly WorkRow[]): Promise<void> {
    const running: Running = { job, slot };
    const { clock, metrics } = this.#deps;
    this.#running.add(running);
    const startedAt = clock.monotonic();
    // Predicted before a bound was lowered, a job may want more than there is: then it runs with nothing beside it.
    const freeMemory = await this.#memory.acquire(Math.min(job.bytesPredicted, this.#memory.bytesMax));
    const before = this.#leaving.get(slot) ?? Promise.resolve();
    const over = Promise.withResolvers<void>();
    const leave = () => {
      if (!running.slot) return;
      running.slot = undefined;
      this.#leaving.set(slot, over.promise);
      freeMemory();
      this.#idle.push(slot);
      this.hint();
    };
    let outcome = 'done';
    try {
      // What was taken away, or would begin only to be killed, while the job waited for room.
      if (running.given || this.#stopping) throw new NotBegunError('the job was not begun');
      const worker = await slot.ready(job.solitary);
      await renderJob(this.#deps, worker, job, { known, onLeft: () => void before.then(leave) });
    } catch (error) {
      outcome = await this.#giveBack(running, error);
    } finally {
      metrics.jobSeconds.observe({ outcome }, (clock.monotonic() - startedAt) / 1000);
      this.#running.delete(running);
      leave();
      over.resolve();
      if (this.#running.size === 0) this.#drained?.();
    }
  }

  /** Releases a job that did not end, as what happened asks for. @returns what became of it, for the metrics. */
  async #giveBack(running: Running, error: unknown): Promise<string> {
    const { job } = running;
    const { log, metrics } = this.#deps;
    const isIll = !running.given && (await this.#isStorageIll(error));
    const why: Release = isIll ? { reason: 'drain' } : reasonOf(running, error);
    if (error instanceof WorkerDiedError && why.reason === 'worker_died')
      metrics.workerDeaths.inc({ reason: error.reason });
    log.warn({ err: error, jobId: job.jobId, reason: why.reason }, 'a job was given back');
    // Nobody else could do it either: the job waits here, and is not blamed.
    if (isIll) await pause(STORAGE_PAUSE_MS);
    for (let tries = 1; tries <= (this.#stopping ? RELEASE_TRIES_STOPPING_MAX : RELEASE_TRIES_MAX); tries += 1) {
      try {
        const failed = await this.#release(job, why);
        this.#deps.onEnded(failed);
        return isIll ? 'storage_ill' : why.reason;
      } catch (releaseError) {
        this.#tell(releaseError as Error);
        await pause(RELEASE_PAUSE_MS);
      }
    }
    // The lease runs out, and the reaper takes the job back.
    return 'lost';
  }

  /** Whether a job failed because the storage has no room, or does not work for anybody. */
  async #isStorageIll(error: unknown): Promise<boolean> {
    if (isOutOfSpace(error)) return true;
    if (!isStorageFailure(error) && !(error instanceof ObjectMissingError)) return false;
    return this.#deps.store.check().then(
      () => false,
      () => true,
    );
  }

  async #release(job: ClaimedJob, why: Release): Promise<Rendition[]> {
    const { database, clock } = this.#deps;
    return database.transaction(async (tx) => {
      // Locks in the order originals, jobs, renditions; an original that is gone took its jobs along.
      if (!(await lockOriginal(tx, job.tenantId, job.originalId, 'share'))) return [];
      const outcome = await release(tx, job, why, clock.random());
      if (outcome?.state !== 'dead' || !outcome.cause) return [];
      const attempts = outcome.attempts + outcome.crashes + outcome.expiries;
      return failRest(tx, clock, { ...job, attempts, cause: outcome.cause });
    });
  }

  async #renew(): Promise<void> {
    const running = [...this.#running];
    if (running.length === 0) return;
    const held = await renew(
      this.#deps.database,
      running.map(({ job }) => job),
    );
    const tokens = new Set(held.map(({ jobId, token }) => `${jobId} ${token}`));
    for (const one of running) {
      if (tokens.has(`${one.job.jobId} ${one.job.token}`) || !this.#running.has(one)) continue;
      // Somebody else's now, or gone with its image: what the worker still does is wasted.
      one.given = 'lost';
      one.slot?.kill();
    }
  }

  /** From before the look, and not from its end: a slow one must not hold up the next. */
  #tendLater(): void {
    const { supervisors, clock } = this.#deps;
    this.#tending = setTimeout(
      () => {
        this.#tendLater();
        this.#tend().catch((error: Error) => this.#tell(error));
      },
      reapDelayMs(supervisors(), clock.random()),
    );
  }

  async #tend(): Promise<void> {
    const { database } = this.#deps;
    const look = await lookAtQueue(database);
    if (look.isExpired) await this.#reap();
    const { queued, nextDueMs } = await tendQueue(database, look);
    // The net under lost notifications as well.
    if (queued > 0 || look.isQueued) this.#waker.hint();
    if (nextDueMs !== null && nextDueMs < REAP_EVERY_MS) this.#waker.hintIn(nextDueMs);
  }

  async #reap(): Promise<void> {
    const { database, clock } = this.#deps;
    const failed = await database.transaction(async (tx) => {
      const renditions: Rendition[] = [];
      for (const { tenantId, jobId, outcome } of await reapExpired(tx)) {
        if (outcome.state !== 'dead' || !outcome.cause) continue;
        const attempts = outcome.attempts + outcome.crashes + outcome.expiries;
        renditions.push(...(await failRest(tx, clock, { tenantId, jobId, attempts, cause: outcome.cause })));
      }
      return renditions;
    });
    if (failed.length > 0) this.#deps.onEnded(failed);
  }

  #tell(error: Error): void {
    this.#deps.log.warn({ err: error }, 'the supervisor will try again');
  }
}

/** The job's turn came too late. */
class NotBegunError extends Error {
  override readonly name = 'NotBegunError';
}

/** What the queue is told of a failure: whose fault it was decides whether it counts. */
function reasonOf(running: Running, error: unknown): Release {
  if (running.given || error instanceof NotBegunError || error instanceof SlotClosedError) return { reason: 'drain' };
  if (error instanceof ObjectMissingError) {
    return {
      reason: 'retry',
      cause: { code: 'original_missing', message: 'The original is not in the object store.' },
    };
  }
  if (isStorageFailure(error)) {
    const message = 'The original or a scratch file could not be read or written.';
    return { reason: 'retry', cause: { code: 'storage_unavailable', message } };
  }
  if (isTransient(error)) return { reason: 'drain' };
  if (error instanceof WorkerDiedError) return { reason: 'worker_died', message: DEATHS[error.reason] };
  const message = error instanceof Error ? error.message.slice(0, 200) : String(error);
  return { reason: 'retry', cause: { code: 'render_failed', message } };
}

const DEATHS = {
  deadline: 'The worker was killed because the picture took longer than its deadline.',
  memory: 'The worker was killed because the picture took more memory than it may.',
  crashed: 'The worker process crashed on the picture.',
  killed: 'The worker process was killed.',
} as const;
