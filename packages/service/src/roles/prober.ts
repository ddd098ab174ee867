import { join } from 'node:path';
import type { Logger } from 'pino';
import { ByteSemaphore } from '../core/byte-semaphore.ts';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { ProbeResult } from '../http/index.ts';
import { copyObjectTo } from '../ports/copy-object.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { type Bounds, type Isolation, ORIGINAL_FILE, WorkerDiedError } from '../renditions/index.ts';
import { WorkerSlot } from './worker-slot.ts';

export interface ProberDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly store: ObjectStore;
  readonly bounds: Bounds;
  readonly isolation: Isolation;
  /** Tells this process's user from the workers'. */
  readonly slot: number;
  readonly scratchDirectory: string;
  readonly rssBytesMax: number;
  /** Uploads that may wait for the probe at once. */
  readonly waitersMax: number;
}

const DEADLINE_MS = 5_000;

/** The reserved process that looks at uploads, so that long encodes never hold them up. One look at a time. */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #slot: WorkerSlot;
  readonly #turn: ByteSemaphore;

  constructor(deps: ProberDeps) {
    this.#deps = deps;
    this.#slot = new WorkerSlot(deps);
    this.#turn = new ByteSemaphore({ bytesMax: 1, waitersMax: deps.waitersMax });
    this.#slot.ready().catch((error: unknown) => deps.log.error({ err: error }, 'the probe process does not start'));
  }

  get alive(): boolean {
    return this.#slot.alive;
  }

  /** What a stored object is, by its content. @param signal leaves the line. */
  async probe(objectKey: string, signal?: AbortSignal): Promise<ProbeResult> {
    const done = await this.#turn.acquire(1, signal);
    try {
      return await this.#probe(objectKey).catch((error: unknown) => {
        // It may have been the process that was ill, not the picture.
        if (error instanceof WorkerDiedError) return this.#probe(objectKey);
        throw error;
      });
    } catch (error) {
      if (!(error instanceof WorkerDiedError)) throw error;
      const message = 'The header of the picture cannot be read: the decoder crashed on it twice.';
      return { ok: false, rejection: { code: 'corrupt_header', message } };
    } finally {
      done();
    }
  }

  async close(): Promise<void> {
    await this.#slot.close();
  }

  async #probe(objectKey: string): Promise<ProbeResult> {
    const { clock, store, bounds, rssBytesMax } = this.#deps;
    const worker = await this.#slot.ready();
    const id = newId('object', clock);
    const folder = worker.scratch.takeFolder(id);
    try {
      await copyObjectTo(store, objectKey, join(folder.path, ORIGINAL_FILE));
      const probed = await worker.probe({ id, folder: folder.name, bounds }, { deadlineMs: DEADLINE_MS, rssBytesMax });
      if ('facts' in probed) return { ok: true, facts: probed.facts };
      return { ok: false, rejection: probed.rejection };
    } finally {
      await worker.scratch.giveBackFolder(folder, 0);
    }
  }
}
