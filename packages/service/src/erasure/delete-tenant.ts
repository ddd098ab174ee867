import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database, Queryable } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { eraseTenantEvents } from '../events/index.ts';
import { revokeTenantLeases } from '../jobs/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { endTenantDeletion } from '../tenants/index.ts';
import { readStoredBytes } from '../usage/index.ts';
import { addObjects, addRows, endTenantErasure, insertTenantErasure } from './erasures.sql.ts';
import { kindOf } from './model.ts';
import { deleteRowsOf } from './tables.sql.ts';
import { tablesToEmpty } from './tables.ts';

export interface DeletionDeps {
  readonly database: Database;
  readonly store: ObjectStore;
  readonly clock: Clock;
}

export interface DeletionOptions {
  /** How long after the mark the end is told at the earliest: a transaction that began before may last so long. */
  readonly settleMs: number;
  /** Ends the work between two batches; whoever comes next goes on. */
  readonly signal: AbortSignal;
}

/** One statement over so many rows takes tens of milliseconds, and holds their locks no longer. */
const BATCH_ROWS = 1_000;
const BATCH_OBJECTS = 500;
const TENANTS_MAX = 100;
const FOREIGN_KEY_VIOLATION = '23503';

const selectDeleting = statement(
  'select_deleting_tenants',
  `SELECT tenant_id AS "tenantId" FROM tenants WHERE status = 'deleting' ORDER BY tenant_id LIMIT $1`,
);
const lockDeleting = statement(
  'lock_deleting_tenant',
  `SELECT status_at <= clock_timestamp() - $2 * interval '1 millisecond' AS settled FROM tenants
   WHERE tenant_id = $1 AND status = 'deleting' FOR NO KEY UPDATE`,
);

/** Tenants whose deletion has begun and not ended. */
export async function listDeleting(database: Queryable): Promise<string[]> {
  return (await database.query<{ tenantId: string }>(selectDeleting, [TENANTS_MAX])).map(({ tenantId }) => tenantId);
}

/**
 * Removes what a tenant under deletion has: leases first, so that nothing more becomes ready; rows, table by table in
 * batches; personal fields of its events; then its objects, named by a row or not, since all lie under its id. What is removed once is gone, so a crash
 * or a second node costs nothing but work done twice. When a whole round finds nothing, the deletion is told as ended.
 * What was removed is counted for the receipt once it is: a crash leaves at most a batch of objects uncounted.
 * @returns whether it has ended.
 */
export async function advanceDeletion(
  deps: DeletionDeps,
  tenantId: string,
  { settleMs, signal }: DeletionOptions,
): Promise<boolean> {
  const { database, clock } = deps;
  await revokeTenantLeases(database, tenantId);
  await database.query(insertTenantErasure, [tenantId, newId('erasure', clock), 'operator']);
  const removed =
    (await removeRows(database, tenantId, signal)) +
    (await eraseEvents(database, tenantId, signal)) +
    (await removeObjects(deps, tenantId, signal));
  if (removed > 0 || signal.aborted) return false;
  return database.transaction(async (tx) => {
    const [row] = await tx.query<{ settled: boolean }>(lockDeleting, [tenantId, settleMs]);
    if (!row?.settled) return row === undefined;
    await endTenantDeletion(tx, clock, tenantId, await readStoredBytes(tx, tenantId));
    await tx.query(endTenantErasure, [tenantId]);
    return true;
  });
}

async function removeRows(database: Database, tenantId: string, signal: AbortSignal): Promise<number> {
  let removed = 0;
  for (const table of await tablesToEmpty(database)) {
    // Until a batch finds none: one that others write to meanwhile may find fewer than there are.
    for (let rows = 1; rows > 0 && !signal.aborted; removed += rows) {
      rows = await removeBatch(database, tenantId, table).catch((error: unknown) => {
        // What refers to these rows came in after its own table was emptied: the next round takes it first.
        if ((error as { code?: unknown }).code !== FOREIGN_KEY_VIOLATION) throw error;
        removed += 1;
        return 0;
      });
    }
  }
  return removed;
}

/** Rows and their count go in one transaction. */
function removeBatch(database: Database, tenantId: string, table: string): Promise<number> {
  return database.transaction(async (tx) => {
    const [batch] = await tx.query<{ rows: number }>(deleteRowsOf(table, BATCH_ROWS), [tenantId]);
    const rows = batch?.rows ?? 0;
    if (rows > 0) await tx.query(addRows, [tenantId, table, rows]);
    return rows;
  });
}

/** Takes the personal fields out of the log, from its beginning to its end. */
async function eraseEvents(database: Database, tenantId: string, signal: AbortSignal): Promise<number> {
  let erased = 0;
  for (let after: number | undefined = 0; after !== undefined && !signal.aborted; ) {
    const from: number = after;
    const batch = await database.transaction(async (tx) => {
      const done = await eraseTenantEvents(tx, tenantId, from);
      if (done.erased > 0) await tx.query(addRows, [tenantId, 'events', done.erased]);
      return done;
    });
    erased += batch.erased;
    after = batch.next;
  }
  return erased;
}

async function removeObjects(
  { store, database }: Pick<DeletionDeps, 'store' | 'database'>,
  tenantId: string,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  let batch: { readonly key: string; readonly bytes: number }[] = [];
  const flush = async () => {
    const keys = batch.map(({ key }) => key);
    await store.remove(keys);
    removed += batch.length;
    // While a backup holds removals, all of them stay.
    const [first = ''] = keys;
    if (!(await store.stat(first))) await countObjects(database, tenantId, batch);
    batch = [];
  };
  for await (const { key, bytes } of store.list(`${tenantId}/`)) {
    if (signal.aborted) return removed;
    batch.push({ key, bytes });
    if (batch.length === BATCH_OBJECTS) await flush();
  }
  if (batch.length > 0) await flush();
  return removed;
}

async function countObjects(
  database: Queryable,
  tenantId: string,
  objects: readonly { readonly key: string; readonly bytes: number }[],
): Promise<void> {
  for (const kind of new Set(objects.map(({ key }) => kindOf(key)))) {
    const ofKind = objects.filter(({ key }) => kindOf(key) === kind);
    const bytes = ofKind.reduce((sum, object) => sum + object.bytes, 0);
    await database.query(addObjects, [tenantId, kind, ofKind.length, bytes]);
  }
}
