import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/database.ts';
import { endHold, endHolds, findHold, renewHold, takeHold } from './hold.sql.ts';

/** A backup that was killed holds removals up for this long. */
const LEASE_MS = 60_000;
const RENEW_EVERY_MS = 10_000;
const ID_BYTES = 16;

/** The hold was lost for a while, in which objects may have been removed. */
class HoldLostError extends Error {
  override readonly name = 'HoldLostError';
}

/**
 * Keeps every object of the installation where it is, from `take` to `release`. Whoever removes objects commits first
 * that no row names them, and asks for a hold ({@link isRemovalHeld}) after that: so what is removed in spite of this
 * hold was named by no row when it was taken. What is not removed is swept by the janitor later.
 */
export class RemovalHold {
  readonly #database: Queryable;
  readonly #id: string;
  readonly #timer: NodeJS.Timeout;
  #isLost = false;

  private constructor(database: Queryable, id: string) {
    this.#database = database;
    this.#id = id;
    // One that fails is tried again by the next, within the lease.
    this.#timer = setInterval(() => void this.#renew().catch(() => undefined), RENEW_EVERY_MS);
    this.#timer.unref();
  }

  static async take(database: Queryable, clock: Clock): Promise<RemovalHold> {
    const id = Buffer.from(clock.bytes(ID_BYTES)).toString('hex');
    await database.query(takeHold, [id, LEASE_MS]);
    return new RemovalHold(database, id);
  }

  /** @throws HoldLostError unless it has stood all the time. */
  async confirm(): Promise<void> {
    await this.#renew();
    if (this.#isLost)
      throw new HoldLostError('the database was away for too long: objects may have been removed meanwhile; try again');
  }

  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#database.query(endHold, [this.#id]);
  }

  async #renew(): Promise<void> {
    const rows = await this.#database.query(renewHold, [this.#id, LEASE_MS]);
    if (rows.length === 0) this.#isLost = true;
  }
}

/** Whether objects must stay where they are for now. */
export async function isRemovalHeld(database: Queryable): Promise<boolean> {
  const [row] = await database.query<{ held: boolean }>(findHold, [LEASE_MS]);
  return row?.held === true;
}

/** For a database that was put back from a backup: it holds the hold under which it was copied. */
export async function endEveryHold(database: Queryable): Promise<void> {
  await database.query(endHolds);
}
