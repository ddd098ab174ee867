import type { Database } from '../db/database.ts';
import { Follower } from './follower.ts';
import { EVENTS_CHANNEL, PAGE_EVENTS_MAX, type SealedEvent } from './model.ts';
import { findMovedTails, readEvents, readHeadPosition, readTails } from './read.ts';

const POLL_MS = 1_000;
// Together they bound what one read takes into memory.
const TAILS_READ_MAX = 50;
const TAIL_EVENTS_MAX = 100;

export interface FollowOptions {
  readonly tenantId: string;
  /** Only what tells of this image. */
  readonly imageId?: string | undefined;
  /** Where the caller stands: 0 for everything, or the last position that it has seen. */
  readonly afterPosition: number;
  /** Ends the iteration, quietly. */
  readonly signal: AbortSignal;
}

/** What is new of one tenant, read once for all who follow it. */
interface Tail {
  readonly followers: Set<Follower>;
  /** Everything up to here has been handed out; undefined until the first look. */
  position: number | undefined;
  readonly opened: Promise<void>;
}

/**
 * Tells any number of followers of sealed events as they come. One listener and one query per batch for the whole
 * node: followers are served from memory, and read the log themselves only to catch up. A hint that got lost costs at
 * most a second, which one query per second for all followed tenants makes up for.
 */
export class EventHub {
  readonly #database: Database;
  readonly #onError: (error: Error) => void;
  readonly #tails = new Map<string, Tail>();
  readonly #due = new Set<string>();
  #reading: Promise<void> | undefined;
  #unlisten: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, onError: (error: Error) => void) {
    this.#database = database;
    this.#onError = onError;
  }

  /**
   * Yields every event after `afterPosition`, once, in order of position, and waits for more until `signal` aborts.
   * A consumer that is slow for long falls out of memory and catches up from the log.
   * @throws the database's error when catching up fails; resume from the last position then.
   */
  async *follow(options: FollowOptions): AsyncGenerator<SealedEvent, void, void> {
    const follower = new Follower(options.afterPosition, options.imageId, options.signal);
    const tail = this.#join(options.tenantId, follower);
    try {
      await tail.opened;
      while (!follower.isEnded) {
        // From here on the tail's events are kept for this follower, in the same turn as the look at where it stands.
        const upToPosition = follower.resume(tail.position ?? 0);
        yield* this.#catchUp(options, follower, upToPosition);
        yield* follower.live();
      }
    } finally {
      this.#leave(options.tenantId, tail, follower);
    }
  }

  /** How many follow, and how many tenants. */
  counts(): { followers: number; tenants: number } {
    let followers = 0;
    for (const tail of this.#tails.values()) followers += tail.followers.size;
    return { followers, tenants: this.#tails.size };
  }

  /** Ends every iteration. */
  async close(): Promise<void> {
    for (const { followers } of this.#tails.values()) for (const follower of followers) follower.end();
    this.#rest();
    await this.#reading;
  }

  async *#catchUp(
    { tenantId, imageId }: FollowOptions,
    follower: Follower,
    upToPosition: number,
  ): AsyncGenerator<SealedEvent, void, void> {
    while (follower.position < upToPosition && !follower.isEnded) {
      const range = { tenantId, imageId, afterPosition: follower.position, upToPosition };
      const page = await this.#database.asTenant(tenantId, (tx) => readEvents(tx, range));
      for (const event of page) {
        if (follower.isEnded) return;
        follower.position = event.position;
        yield event;
      }
      if (page.length < PAGE_EVENTS_MAX) follower.position = upToPosition;
    }
  }

  #join(tenantId: string, follower: Follower): Tail {
    if (this.#tails.size === 0) this.#wake();
    const tail = this.#tails.get(tenantId) ?? this.#open(tenantId);
    tail.followers.add(follower);
    return tail;
  }

  #open(tenantId: string): Tail {
    const opened = readHeadPosition(this.#database, tenantId).then((position) => {
      tail.position = position;
      // A hint that came in the meantime found no position to read from.
      this.#read([tenantId]);
    });
    const tail: Tail = { followers: new Set(), position: undefined, opened };
    this.#tails.set(tenantId, tail);
    return tail;
  }

  #leave(tenantId: string, tail: Tail, follower: Follower): void {
    follower.end();
    tail.followers.delete(follower);
    if (tail.followers.size > 0 || this.#tails.get(tenantId) !== tail) return;
    this.#tails.delete(tenantId);
    if (this.#tails.size === 0) this.#rest();
  }

  #wake(): void {
    this.#unlisten = this.#database.listen(EVENTS_CHANNEL, (payload) => {
      if (payload === '') this.#poll().catch(this.#onError);
      else this.#read(payload.split(','));
    });
    this.#timer = setInterval(() => this.#poll().catch(this.#onError), POLL_MS);
  }

  #rest(): void {
    this.#unlisten?.();
    clearInterval(this.#timer);
  }

  async #poll(): Promise<void> {
    const positions = new Map<string, number>();
    for (const [tenantId, { position }] of this.#tails) if (position !== undefined) positions.set(tenantId, position);
    if (positions.size > 0) this.#read(await findMovedTails(this.#database, positions));
  }

  #read(tenantIds: Iterable<string>): void {
    for (const tenantId of tenantIds) if (this.#tails.has(tenantId)) this.#due.add(tenantId);
    if (this.#due.size === 0 || this.#reading) return;
    this.#reading = this.#readDue()
      .catch(this.#onError)
      .finally(() => {
        this.#reading = undefined;
      });
  }

  async #readDue(): Promise<void> {
    while (this.#due.size > 0) {
      const tails = new Map<string, Tail>();
      const positions = new Map<string, number>();
      for (const tenantId of [...this.#due].slice(0, TAILS_READ_MAX)) {
        this.#due.delete(tenantId);
        const tail = this.#tails.get(tenantId);
        if (tail?.position === undefined) continue;
        tails.set(tenantId, tail);
        positions.set(tenantId, tail.position);
      }
      if (positions.size > 0) this.#handOut(tails, await readTails(this.#database, positions, TAIL_EVENTS_MAX));
    }
  }

  #handOut(tails: ReadonlyMap<string, Tail>, events: readonly SealedEvent[]): void {
    const counts = new Map<string, number>();
    for (const event of events) {
      const tail = tails.get(event.tenantId);
      if (!tail) continue;
      tail.position = event.position;
      for (const follower of tail.followers) follower.offer(event);
      const count = (counts.get(event.tenantId) ?? 0) + 1;
      counts.set(event.tenantId, count);
      if (count === TAIL_EVENTS_MAX) this.#due.add(event.tenantId);
    }
  }
}
