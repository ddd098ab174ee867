import type { Receipt } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Queryable } from '../db/database.ts';
import type { SealingKey } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { isToldStatement, postpone, selectErasedPositions, signErasure, takeUnsigned } from './erasures.sql.ts';
import type { Erasure } from './model.ts';
import { toErasure } from './read.ts';
import { receiptBytes } from './receipt.ts';

export interface SigningDeps {
  readonly database: Queryable;
  readonly store: Pick<ObjectStore, 'remove' | 'stat' | 'list'>;
  readonly clock: Clock;
  readonly key: Pick<SealingKey, 'keyId' | 'sign'>;
}

const BATCH = 20;
const STATS_AT_ONCE = 16;
/** While a backup holds removals, or the store is away; also what a signer that died costs. */
const AGAIN_MS = 10_000;
/** The sealer takes a fraction of a second. */
const SEALED_MS = 500;

/**
 * Ends erasures: removes what is left of their objects, looks that every one is gone, and signs the receipt. An erasure
 * of which an object can still be read, or an event is not yet in the log, waits.
 * @returns how many were taken up, and how many receipts were signed.
 */
export async function signErasures(deps: SigningDeps): Promise<{ readonly taken: number; readonly signed: number }> {
  const rows = await deps.database.query<Parameters<typeof toErasure>[0]>(takeUnsigned, [BATCH, AGAIN_MS]);
  let signed = 0;
  for (const erasure of rows.map(toErasure)) if (await sign(deps, erasure)) signed += 1;
  return { taken: rows.length, signed };
}

async function sign(deps: SigningDeps, erasure: Erasure): Promise<boolean> {
  const { database, clock, key } = deps;
  const { tenantId, erasureId, imageId } = erasure;
  if (!(await isGone(deps, erasure))) return false;
  const [row] = await database.query<{ told: boolean }>(isToldStatement, [tenantId, imageId ?? null]);
  if (!row?.told) {
    await database.query(postpone, [tenantId, erasureId, SEALED_MS]);
    return false;
  }
  const removedAt = new Date(clock.now()).toISOString();
  const receipt = { ...toReceipt(erasure, removedAt), ...(await eventsOf(database, erasure)) };
  const signature = key.sign(receiptBytes(receipt));
  await database.query(signErasure, [tenantId, erasureId, JSON.stringify(receipt), key.keyId, signature]);
  return true;
}

/** Tries once more to remove what is there, and says whether nothing is. */
async function isGone({ store }: SigningDeps, { tenantId, scope, objectKeys }: Erasure): Promise<boolean> {
  if (scope === 'tenant') {
    for await (const { key } of store.list(`${tenantId}/`)) {
      await store.remove([key]);
      if (await store.stat(key)) return false;
    }
    return true;
  }
  await store.remove(objectKeys);
  for (let at = 0; at < objectKeys.length; at += STATS_AT_ONCE) {
    const found = await Promise.all(objectKeys.slice(at, at + STATS_AT_ONCE).map((key) => store.stat(key)));
    if (found.some((stat) => stat !== undefined)) return false;
  }
  return true;
}

function toReceipt(erasure: Erasure, removedAt: string): Omit<Receipt, 'events'> {
  const { tenantId, erasureId, scope, imageId, actor, requestedAt, objectKeys, removed } = erasure;
  return {
    version: 1,
    id: erasureId,
    tenantId,
    scope,
    ...(imageId !== undefined && { imageId }),
    actor,
    requestedAt: requestedAt.toISOString(),
    removedAt,
    ...(removed.original && { original: removed.original }),
    rows: removed.rows ?? {},
    objects: removed.objects ?? {},
    ...(scope === 'image' ? { objectKeys: [...objectKeys] } : { objectPrefix: `${tenantId}/` }),
    purged: [...(removed.purged ?? [tenantId])],
  };
}

/** What the erasure of a tenant took from events was counted as it went. */
async function eventsOf(
  database: Queryable,
  { tenantId, imageId, removed }: Erasure,
): Promise<Pick<Receipt, 'events' | 'rows'>> {
  const { events: erased = 0, ...rows } = removed.rows ?? {};
  if (imageId === undefined) return { rows, events: { erased } };
  const found = await database.query<{ position: number }>(selectErasedPositions, [tenantId, imageId]);
  return { rows, events: { erased: found.length, positions: found.map(({ position }) => position) } };
}
