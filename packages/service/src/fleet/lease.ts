import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import { ACQUIRE_LEASE, FENCE_LEASE, RELEASE_LEASE, RENEW_LEASE } from './lease.sql.ts';

/** One uninterrupted time in which this process leads. */
export interface Term {
  /** Grows from holder to holder, over all nodes. */
  readonly token: number;
  /** Fires when the lease has passed to another, can no longer be known to be ours, or the hold is stopped. */
  readonly ended: AbortSignal;
  /**
   * First in every transaction by which the leader changes something: until its commit nobody else can lead.
   * @throws LeaseLostError when another leads already; nothing may be written then.
   */
  fence(tx: Transaction): Promise<void>;
}

export interface LeaseOptions {
  /** What there is only one leader of, such as `scaler`. */
  readonly name: string;
  /** The node's id: a node that was restarted takes its own lease back at once, under a new token. */
  readonly holder: string;
  /** How long nobody leads after the leader has vanished. */
  readonly leaseMs: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Called whenever this process has come to lead. Ends soon after `term.ended` fires; when it ends earlier the lease is given back. */
  readonly lead: (term: Term) => Promise<void>;
  readonly onError: (error: Error) => void;
}

export interface LeaseHold {
  /** Whether this process leads, as far as it knows. */
  readonly leads: boolean;
  /** Ends the term, waits for `lead`, and gives the lease back, so that another leads at its next look. */
  stop(): Promise<void>;
}

/** The lease has passed to another. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/** Between two statements a live leader needs well under a millisecond. */
const FROZEN_MS_MAX = 5_000;

/** Tries to lead for as long as the process runs, and leads whenever nobody else does. All times of the lease are the database's. */
export function holdLease(database: Database, options: LeaseOptions): LeaseHold {
  return new Hold(database, options);
}

class Hold implements LeaseHold {
  readonly #database: Database;
  readonly #options: LeaseOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #leads = false;

  constructor(database: Database, options: LeaseOptions) {
    this.#database = database;
    this.#options = options;
    this.#running = this.#run();
  }

  get leads(): boolean {
    return this.#leads;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** A third of the lease: two renewals may fail before it is over. */
  get #stepMs(): number {
    return this.#options.leaseMs / 3;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#tryToLead().catch(this.#options.onError);
      await pause(this.#stepMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #tryToLead(): Promise<void> {
    const { name, holder, leaseMs, clock, lead, onError } = this.#options;
    const askedAt = clock.monotonic();
    const [row] = await this.#database.query<{ token: number }>(ACQUIRE_LEASE, [name, holder, leaseMs]);
    if (!row) return;
    const { token } = row;
    const ending = new AbortController();
    const ended = AbortSignal.any([ending.signal, this.#stopping.signal]);
    const renewing = this.#renewUntil(ended, ending, token, askedAt);
    this.#leads = true;
    try {
      if (!ended.aborted) await lead({ token, ended, fence: (tx) => fence(tx, name, holder, token) });
    } catch (error) {
      // Lost is no failure: another leads.
      if (!(error instanceof LeaseLostError)) onError(error as Error);
    } finally {
      this.#leads = false;
      ending.abort();
      await renewing;
      await this.#database.query(RELEASE_LEASE, [name, holder, token]);
    }
  }

  /** Ends the term when a renewal finds another holder, or when none was answered for the length of the lease. */
  async #renewUntil(ended: AbortSignal, ending: AbortController, token: number, askedAt: number): Promise<void> {
    const { name, holder, leaseMs, clock, onError } = this.#options;
    // From the moment of asking: the database counts from a later one, so ours is over first.
    let isSureUntil = askedAt + leaseMs;
    while (!ended.aborted) {
      const timer = setTimeout(() => ending.abort(), Math.max(0, isSureUntil - clock.monotonic()));
      await pause(this.#stepMs, undefined, { signal: ended }).catch(() => undefined);
      if (!ended.aborted) {
        const sentAt = clock.monotonic();
        const values = [name, holder, token, leaseMs];
        try {
          const rows = await this.#database.query(RENEW_LEASE, values);
          if (rows.length === 0) ending.abort();
          else isSureUntil = sentAt + leaseMs;
        } catch (error) {
          onError(error as Error);
        }
      }
      clearTimeout(timer);
    }
  }
}

async function fence(tx: Transaction, name: string, holder: string, token: number): Promise<void> {
  const rows = await tx.query(FENCE_LEASE, [name, holder, token, String(FROZEN_MS_MAX)]);
  if (rows.length === 0) throw new LeaseLostError(`the lease ${token} of the role ${name} has passed to another`);
}
