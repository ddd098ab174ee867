import type { Logger } from 'pino';
import type { Clock } from '../core/clock.ts';

/** One that is used all the time is written once in so long. */
const WRITE_MS_MIN = 60_000;
/** Uses of so long travel in one statement. */
const GATHER_MS = 1_000;
const BATCH_MAX = 1_000;
/** What more are used at once is written later; the figure is for people. */
const REMEMBERED_MAX = 20_000;

export interface Used {
  readonly tenantId: string;
  readonly id: string;
}

/**
 * Remembers when keys or sessions were used last, without a write per request: at most one a minute for each, gathered
 * into one statement a second. What a node that dies had gathered is lost; that is a second of a figure to the minute.
 */
export class LastUse {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #log: Logger;
  readonly #write: (used: readonly Used[]) => Promise<void>;
  readonly #writtenAt = new Map<string, number>();
  #gathered: Used[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: {
    readonly clock: Pick<Clock, 'monotonic'>;
    readonly log: Logger;
    readonly closing: AbortSignal;
    readonly write: (used: readonly Used[]) => Promise<void>;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#write = options.write;
    options.closing.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  use(one: Used): void {
    const now = this.#clock.monotonic();
    const writtenAt = this.#writtenAt.get(one.id);
    if (writtenAt !== undefined && now - writtenAt < WRITE_MS_MIN) return;
    if (this.#gathered.length >= BATCH_MAX) return;
    this.#gathered.push(one);
    // At the end of the order, so that the first of it is the one that was written the longest ago.
    this.#writtenAt.delete(one.id);
    this.#writtenAt.set(one.id, now);
    const [oldest] = this.#writtenAt.keys();
    if (this.#writtenAt.size > REMEMBERED_MAX && oldest !== undefined) this.#writtenAt.delete(oldest);
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref();
  }

  #flush(): void {
    this.#timer = undefined;
    const used = this.#gathered;
    this.#gathered = [];
    this.#write(used).catch((error: unknown) => {
      this.#log.warn({ err: error }, 'when keys were used last could not be written; the next use will be');
      for (const { id } of used) this.#writtenAt.delete(id);
    });
  }
}
