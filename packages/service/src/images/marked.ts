import type { Queryable, Transaction } from '../db/database.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { dropLeftMarked, dropMarked, selectMarked } from './marked.sql.ts';

/** A logo may lie over a million pictures: one transaction drops this many of their renditions, and tells of as many. */
const MARKED_MAX = 500;

export interface Marked {
  /** Images of which a URL answered with the pixels of the one that is deleted; `all` of the tenant when they are many. */
  readonly images: readonly string[] | 'all';
  /** Of renditions that were dropped. */
  readonly objectKeys: readonly string[];
}

/**
 * Drops the renditions that show an image which is deleted in this transaction. From its commit on none is delivered
 * any more, those included that are left to {@link sweepMarked}.
 */
export async function dropMarkedBy(tx: Transaction, tenantId: string, imageId: string): Promise<Marked> {
  const values = [tenantId, imageId, MARKED_MAX];
  const marked = await tx.query<{ image_id: string }>(selectMarked, values);
  const dropped = marked.length === 0 ? [] : await tx.query<{ object_key: string }>(dropMarked, values);
  return {
    images: marked.length === MARKED_MAX ? 'all' : [...new Set(marked.map(({ image_id }) => image_id))],
    objectKeys: dropped.map(({ object_key }) => object_key),
  };
}

/**
 * Drops renditions that show an image which is gone, with their objects: what a deletion left because there was too
 * much, and what was on its way then.
 * @returns how many were dropped, before `signal` broke it off.
 */
export async function sweepMarked(
  { database, store }: { readonly database: Queryable; readonly store: Pick<ObjectStore, 'remove'> },
  signal: AbortSignal,
): Promise<number> {
  let dropped = 0;
  for (let isMore = true; isMore && !signal.aborted; ) {
    const rows = await database.query<{ object_key: string }>(dropLeftMarked, [MARKED_MAX]);
    if (rows.length > 0) await store.remove(rows.map(({ object_key }) => object_key));
    dropped += rows.length;
    isMore = rows.length === MARKED_MAX;
  }
  return dropped;
}
