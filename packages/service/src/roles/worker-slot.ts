import { rm } from 'node:fs/promises';
import type { Logger } from 'pino';
import { type Isolation, startWorkerProcess, type WorkerProcess } from '../renditions/index.ts';

export interface SlotOptions {
  readonly slot: number;
  readonly scratchDirectory: string;
  readonly isolation: Isolation;
  readonly log: Logger;
}

const RESTART_MS = 250;

/** The node is going down. */
export class SlotClosedError extends Error {
  override readonly name = 'SlotClosedError';
}

/** A place for one worker process, which is replaced when it dies. */
export class WorkerSlot {
  readonly #options: SlotOptions;
  #process: WorkerProcess | undefined;
  #closed = false;
  #exited: Promise<unknown> = Promise.resolve();
  #starting: Promise<WorkerProcess> | undefined;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  /** Whether a process stands here, ready or starting. */
  get alive(): boolean {
    return this.#process !== undefined;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * A process that waits for work, started if there is none.
   * @param fresh one that has done nothing yet, for a job whose last worker died.
   * @throws WorkerDiedError when it does not come up.
   */
  async ready(fresh = false): Promise<WorkerProcess> {
    if (this.#closed) throw new SlotClosedError('the slot takes no more work');
    const standing = this.#process;
    if (standing && (standing.recycleDue || (fresh && standing.jobsDone > 0))) await this.#end();
    const process = this.#process ?? (await this.#startOnce());
    await process.ready;
    return process;
  }

  kill(): void {
    this.#process?.kill();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#starting?.catch(() => undefined);
    await this.#end();
  }

  /** A job and the revival may want a process in the same moment; a second one would take the first one's folder away. */
  #startOnce(): Promise<WorkerProcess> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<WorkerProcess> {
    await this.#exited;
    const { scratchDirectory } = this.#options;
    // What the last process left is nobody's any more.
    await rm(scratchDirectory, { recursive: true, force: true });
    const process = startWorkerProcess({ ...this.#options, scratchDirectory });
    this.#process = process;
    this.#exited = process.exited.then(() => {
      if (this.#process === process) this.#process = undefined;
      // A process that dies idle, or that cannot start, is replaced without haste.
      if (!this.#closed) setTimeout(() => this.#revive(), RESTART_MS).unref();
    });
    return process;
  }

  #revive(): void {
    if (this.#closed || this.#process) return;
    this.ready().catch((error: unknown) => {
      this.#options.log.error({ err: error, slot: this.#options.slot }, 'a worker process does not start');
    });
  }

  async #end(): Promise<void> {
    this.#process?.kill();
    await this.#exited;
  }
}
