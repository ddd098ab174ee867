import type { Clock } from '../core/clock.ts';
import { lowestId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { eraseImage } from './erase-image.ts';

const BATCH = 100;
const TENANTS_MAX = 10_000;
const DAY_MS = 24 * 60 * 60 * 1000;

const selectTenants = statement(
  'select_tenants_with_retention',
  `SELECT tenant_id AS "tenantId", (settings->>'retentionDays')::int AS days FROM tenants
   WHERE settings ? 'retentionDays' AND status IN ('active', 'suspended') ORDER BY tenant_id LIMIT $1`,
);
/** A range of the primary key, whose ids carry their time; its column decides, by the database's clock. */
const selectOverdue = statement(
  'select_overdue_images',
  `SELECT image_id AS "imageId" FROM images
   WHERE tenant_id = $1 AND image_id > $2 AND image_id < $3 AND deleted_at IS NULL
     AND created_at < clock_timestamp() - $4 * interval '1 day'
   ORDER BY image_id LIMIT $5`,
);

/** Deletes images that are older than their tenant keeps them. */
export class RetentionSweep {
  readonly #deps: { readonly database: Database; readonly store: ObjectStore; readonly clock: Clock };
  /** By tenant: all up to this image are deleted, so that a sweep does not walk the tombstones of the last. */
  readonly #after = new Map<string, string>();

  constructor(deps: { readonly database: Database; readonly store: ObjectStore; readonly clock: Clock }) {
    this.#deps = deps;
  }

  /** @returns how many images, before `signal` broke it off. */
  async sweep(signal: AbortSignal): Promise<number> {
    const tenants = await this.#deps.database.query<{ tenantId: string; days: number }>(selectTenants, [TENANTS_MAX]);
    for (const tenantId of this.#after.keys()) {
      if (!tenants.some((tenant) => tenant.tenantId === tenantId)) this.#after.delete(tenantId);
    }
    let deleted = 0;
    for (const { tenantId, days } of tenants) {
      for (let batch = BATCH; batch === BATCH && !signal.aborted; deleted += batch) {
        batch = await this.#sweepBatch(tenantId, days);
      }
    }
    return deleted;
  }

  async #sweepBatch(tenantId: string, days: number): Promise<number> {
    const { database, clock, store } = this.#deps;
    const before = lowestId('image', clock.now() - days * DAY_MS);
    const values = [tenantId, this.#after.get(tenantId) ?? '', before, days, BATCH];
    const overdue = await database.query<{ imageId: string }>(selectOverdue, values);
    for (const { imageId } of overdue) {
      const lookup = await eraseImage(database, clock, { tenantId, imageId, actor: 'retention' });
      // What stays is removed before the receipt is signed.
      if (lookup.state === 'found') await store.remove(lookup.value.objectKeys).catch(() => undefined);
      this.#after.set(tenantId, imageId);
    }
    return overdue.length;
  }
}
