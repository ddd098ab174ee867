import type { Database } from '../db/database.ts';
import { parkNode, unparkNode } from './park.sql.ts';

export interface JobWakerOptions {
  readonly database: Pick<Database, 'query' | 'listen'>;
  readonly nodeId: string;
  /**
   * Claims what there is room for. Answers whether room is left that the queue could not fill: then the node parks.
   * When room comes about later, call {@link JobWaker.hint}.
   */
  readonly onWake: () => Promise<boolean>;
  readonly onError: (error: Error) => void;
  readonly pollMs?: number;
}

const CHANNEL = 'safelight_jobs';
/** The net under lost notifications, where no look at the queue (lookAtQueue) finds the job before. */
const POLL_MS = 5_000;
/** After a failure, which need not be the database's end. */
const RETRY_MS = 1_000;
/**
 * Of an empty queue before the node parks: under load the next job of its own comes sooner, and parking, looking again
 * and unparking are four transactions. What another node enqueues meanwhile is found when this one parks.
 */
const PARK_AFTER_MS = 25;
/** An enqueue that looked for parked nodes just before this one parked commits about a disk flush later. */
const SECOND_LOOK_MS = 30;

/**
 * Calls `onWake` when there may be a job to claim: told by NOTIFY, hinted by this process, at a given time, or by
 * polling. One call at a time; what arrives meanwhile causes one more. A node that has room to spare for a moment parks,
 * looks once more (a job may have come between), and is notified of the next job; a full one is not, so notifications are
 * sparse.
 */
export class JobWaker {
  readonly #database: Pick<Database, 'query' | 'listen'>;
  readonly #nodeId: string;
  readonly #onWake: () => Promise<boolean>;
  readonly #onError: (error: Error) => void;
  readonly #pollMs: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #poll: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;
  #turning: Promise<void> | undefined;
  #again = false;
  #hasFailed = false;
  #parked = false;
  /** Runs while there is room and the node has not parked. */
  #parking: NodeJS.Timeout | undefined;
  #mayPark = false;
  #closed = false;

  constructor(options: JobWakerOptions) {
    this.#database = options.database;
    this.#nodeId = options.nodeId;
    this.#onWake = options.onWake;
    this.#onError = options.onError;
    this.#pollMs = options.pollMs ?? POLL_MS;
  }

  /** Begins to listen and poll; the first call of `onWake` follows at once. */
  start(): void {
    this.#unlisten = this.#database.listen(CHANNEL, (payload) => {
      // An empty payload says that the connection was away: the database may have lost the parked rows.
      if (payload !== this.#nodeId && payload !== '') return;
      this.#parked = false;
      this.hint();
    });
    this.hint();
  }

  /** Something may be claimable: a job was committed by this process, or a worker has become free. */
  hint(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#turning ??= this.#turn().finally(() => {
      this.#turning = undefined;
      this.#schedulePoll();
      // A hint that came after the last look and before this moment.
      if (this.#again) this.hint();
    });
  }

  /** Hints in `delayMs`, when a delayed job falls due. */
  hintIn(delayMs: number): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.hint();
    }, delayMs);
    this.#timers.add(timer);
  }

  /** Stops calling, waits for the call that runs, and unparks. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unlisten?.();
    clearTimeout(this.#poll);
    clearTimeout(this.#parking);
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#turning;
    if (this.#parked) await this.#database.query(unparkNode, [this.#nodeId]).catch(this.#onError);
  }

  async #turn(): Promise<void> {
    this.#hasFailed = false;
    try {
      while (this.#again && !this.#closed) {
        this.#again = false;
        await this.#settle(await this.#onWake());
      }
    } catch (error) {
      // The poll tries again.
      this.#again = false;
      this.#hasFailed = true;
      this.#onError(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Parks or unparks after a look, as it went. */
  async #settle(isWanting: boolean): Promise<void> {
    if (isWanting && !this.#parked && !this.#mayPark) return this.#parkSoon();
    clearTimeout(this.#parking);
    this.#parking = undefined;
    this.#mayPark = false;
    if (isWanting && !this.#parked) await this.#park();
    else if (!isWanting && this.#parked) await this.#unpark();
  }

  #parkSoon(): void {
    if (this.#closed) return;
    this.#parking ??= setTimeout(() => {
      this.#mayPark = true;
      this.hint();
    }, PARK_AFTER_MS);
  }

  async #park(): Promise<void> {
    this.#parked = true;
    await this.#database.query(parkNode, [this.#nodeId]);
    this.#again = true;
    this.hintIn(SECOND_LOOK_MS);
  }

  async #unpark(): Promise<void> {
    this.#parked = false;
    await this.#database.query(unparkNode, [this.#nodeId]);
  }

  #schedulePoll(): void {
    clearTimeout(this.#poll);
    const pollMs = this.#hasFailed ? Math.min(RETRY_MS, this.#pollMs) : this.#pollMs;
    if (!this.#closed) this.#poll = setTimeout(() => this.hint(), pollMs);
  }
}
