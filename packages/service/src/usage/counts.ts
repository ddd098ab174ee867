import type { Queryable } from '../db/database.ts';
import { addNodeCounts } from './fold.sql.ts';

interface Counted {
  requests: number;
  bytesIn: number;
  bytesOut: number;
}

/** Beyond these the rest goes uncounted: a batch must fit into a statement. */
const TENANTS_MAX = 100_000;

/**
 * What one run of a node has answered, by tenant, and not yet handed in. A crash loses it, in the customer's favour;
 * that is why it is handed in every few seconds.
 */
export class NodeCounts {
  readonly #bootId: string;
  #counting = new Map<string, Counted>();
  #sent: { readonly sequence: number; readonly counted: ReadonlyMap<string, Counted> } | undefined;
  #sequence = 0;

  constructor(bootId: string) {
    this.#bootId = bootId;
  }

  /** Counts one request: a look-up and three sums, for it stands on the path of each delivery. */
  add(tenantId: string, bytesIn: number, bytesOut: number): void {
    const counted = this.#counting.get(tenantId);
    if (counted) {
      counted.requests += 1;
      counted.bytesIn += bytesIn;
      counted.bytesOut += bytesOut;
    } else if (this.#counting.size < TENANTS_MAX) this.#counting.set(tenantId, { requests: 1, bytesIn, bytesOut });
  }

  /**
   * Hands in what was counted. A batch whose fate is unknown comes again under the same number, and the database knows
   * whether it was there: each counts once. One call at a time.
   */
  async flush(database: Queryable): Promise<void> {
    if (!this.#sent) {
      if (this.#counting.size === 0) return;
      this.#sequence += 1;
      this.#sent = { sequence: this.#sequence, counted: this.#counting };
      this.#counting = new Map();
    }
    const { sequence, counted } = this.#sent;
    const rows = [...counted];
    await database.query(addNodeCounts, [
      this.#bootId,
      sequence,
      rows.map(([tenantId]) => tenantId),
      rows.map(([, { requests }]) => requests),
      rows.map(([, { bytesIn }]) => bytesIn),
      rows.map(([, { bytesOut }]) => bytesOut),
    ]);
    this.#sent = undefined;
  }
}
