import type { Clock } from '../core/clock.ts';
import { FreshFacts } from './fresh-facts.ts';
import type { LastUse } from './last-use.ts';

/** How long what a secret opened may still open it after it was ended, on a node that did not end it. */
const STALE_MS_MAX = 5_000;
const ENTRIES_MAX = 10_000;

/** Whom secrets of one kind, keys or sessions, speak for: asked for once in five seconds, and each use remembered. */
export class Secrets<Bearer extends { readonly tenantId: string }> {
  readonly #bearers: FreshFacts<Bearer, Bearer | undefined>;
  readonly #uses: LastUse;
  readonly #idOf: (bearer: Bearer) => string;

  constructor(options: {
    readonly clock: Clock;
    readonly uses: LastUse;
    readonly find: (secret: string) => Promise<Bearer | undefined>;
    readonly idOf: (bearer: Bearer) => string;
  }) {
    this.#uses = options.uses;
    this.#idOf = options.idOf;
    this.#bearers = new FreshFacts({
      clock: options.clock,
      entriesMax: ENTRIES_MAX,
      msMax: STALE_MS_MAX,
      // A revoked key opens nothing in an outage either.
      awayMsMax: 0,
      ask: options.find,
      keep: (_secret, bearer) => bearer,
    });
  }

  async bearer(secret: string): Promise<Bearer | undefined> {
    const bearer = this.#bearers.known(secret) ?? (await this.#bearers.ask(secret));
    if (bearer) this.#uses.use({ tenantId: bearer.tenantId, id: this.#idOf(bearer) });
    return bearer;
  }

  /** Asks anew for whomever `isStale` says; an answer under way is not kept. */
  forget(isStale: (bearer: Bearer) => boolean): void {
    this.#bearers.forgetWhere(isStale);
    this.#bearers.forgetAsked(() => true);
  }
}
