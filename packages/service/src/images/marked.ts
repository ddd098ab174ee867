import type { Clock } from '../core/clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { tellDropped } from '../renditions/index.ts';
import { dropLeftMarked, dropMarked, selectMarked } from './marked.sql.ts';

interface Dropped {
  readonly object_key: string;
  readonly bytes: number;
}

/** A logo may lie over a million pictures: one transaction drops this many of their renditions, and tells of as many. */
const MARKED_MAX = 500;

export interface Marked {
  /** Images of which a URL answered with the pixels of the one that is deleted; `all` of the tenant when they are many. */
  readonly images: readonly string[] | 'all';
  /** Of renditions that were dropped. */
  readonly objects: readonly { readonly key: string; readonly bytes: number }[];
  readonly bytes: number;
}

/**
 * Drops the renditions that show an image which is deleted in this transaction. From its commit on none is delivered
 * any more, those included that are left to {@link sweepMarked}.
 */
export async function dropMarkedBy(tx: Transaction, tenantId: string, imageId: string): Promise<Marked> {
  const images = await findMarkedBy(tx, tenantId, imageId);
  const dropped = await tx.query<Dropped>(dropMarked, [tenantId, imageId, MARKED_MAX]);
  return {
    images,
    objects: dropped.map(({ object_key, bytes }) => ({ key: object_key, bytes })),
    bytes: dropped.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Images of which a URL answers with the pixels of this one; `all` of the tenant when they are many. */
export async function findMarkedBy(tx: Transaction, tenantId: string, imageId: string): Promise<Marked['images']> {
  const marked = await tx.query<{ image_id: string }>(selectMarked, [tenantId, imageId, MARKED_MAX]);
  return marked.length === MARKED_MAX ? 'all' : [...new Set(marked.map(({ image_id }) => image_id))];
}

/**
 * Drops renditions that show an image which is gone, with their objects: what a deletion left because there was too
 * much, and what was on its way then.
 * @returns how many were dropped, before `signal` broke it off.
 */
export async function sweepMarked(
  deps: { readonly database: Database; readonly clock: Clock; readonly store: Pick<ObjectStore, 'remove'> },
  signal: AbortSignal,
): Promise<number> {
  let dropped = 0;
  for (let isMore = true; isMore && !signal.aborted; ) {
    const rows = await dropLeft(deps.database, deps.clock);
    if (rows.length > 0) await deps.store.remove(rows.map(({ object_key }) => object_key));
    dropped += rows.length;
    isMore = rows.length === MARKED_MAX;
  }
  return dropped;
}

async function dropLeft(database: Database, clock: Clock): Promise<Dropped[]> {
  return database.transaction(async (tx) => {
    const rows = await tx.query<Dropped & { tenant_id: string }>(dropLeftMarked, [MARKED_MAX]);
    for (const tenantId of new Set(rows.map(({ tenant_id }) => tenant_id))) {
      const own = rows.filter(({ tenant_id }) => tenant_id === tenantId);
      const bytes = own.reduce((sum, row) => sum + row.bytes, 0);
      await tellDropped(tx, clock, { tenantId, subject: tenantId, objects: own.length, bytes });
    }
    return rows;
  });
}
