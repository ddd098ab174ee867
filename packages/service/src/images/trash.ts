import type { Clock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { Database, Queryable } from '../db/database.ts';
import { recordEvents } from '../events/index.ts';
import { lockOriginal } from '../originals/index.ts';
import { orderRenditions, type SourceFacts } from '../renditions/index.ts';
import { countImagesOf, lockImage } from './delete.sql.ts';
import { type LockedImage, purgesOf } from './delete.ts';
import { findMarkedBy, type Marked } from './marked.ts';
import type { Lookup } from './read.ts';
import { restOriginal } from './rest.ts';
import { restoreImageStatement, selectDue, selectFacts, trashImageStatement } from './trash.sql.ts';

export interface TrashRequest {
  readonly tenantId: string;
  readonly imageId: string;
  readonly actor: string;
  readonly address?: string | undefined;
}

export interface TrashedImage {
  readonly trashedAt: Date;
  readonly erasesAt: Date;
  /** See {@link Marked}. */
  readonly marked: Marked['images'];
}

/**
 * Moves an image to the trash: it is delivered no more, and neither are pictures that show it, but nothing is removed.
 * One that is there already stays as it is, so that a repeated request takes nothing away.
 */
export async function trashImage(
  database: Database,
  clock: Clock,
  { days, ...request }: TrashRequest & { readonly days: number },
): Promise<Lookup<TrashedImage>> {
  const { tenantId, imageId, actor } = request;
  return database.asTenant(tenantId, async (tx) => {
    const [image] = await tx.query<LockedImage>(lockImage, [tenantId, imageId]);
    if (!image) return { state: 'missing' };
    const { original_id: originalId, deleted_at, erase_at } = image;
    if (deleted_at && erase_at) {
      return { state: 'found', value: { trashedAt: deleted_at, erasesAt: erase_at, marked: [] } };
    }
    if (originalId === null) return { state: 'gone' };
    // As for a removal: an upload of the same bytes is counted or comes after, and then orders its renditions itself.
    await lockOriginal(tx, tenantId, originalId, 'remove');
    const [row] = await tx.query<{ deleted_at: Date; erase_at: Date }>(trashImageStatement, [tenantId, imageId, days]);
    invariant(row, 'a locked image can be trashed');
    const [count] = await tx.query<{ images: number }>(countImagesOf, [tenantId, originalId]);
    if (count?.images === 0) await restOriginal(tx, tenantId, originalId);
    const marked = await findMarkedBy(tx, tenantId, imageId);
    const told = { tenantId, imageId, subject: imageId, actor, personal: personalOf(request) };
    const data = { originalId, erasesAt: row.erase_at.toISOString() };
    const purges = purgesOf(tenantId, { images: marked }, actor);
    await recordEvents(tx, clock, [{ ...told, type: 'image.trashed', data }, ...purges]);
    return { state: 'found', value: { trashedAt: row.deleted_at, erasesAt: row.erase_at, marked } };
  });
}

/**
 * Brings an image back from the trash: its URLs work again at the commit, and what was never made of it is ordered. One
 * that is not in the trash stays as it is.
 * @param transformations what the tenant has made of each upload, in canonical form
 * @returns the images that caches must ask for anew.
 */
export async function restoreImage(
  database: Database,
  clock: Clock,
  { transformations, ...request }: TrashRequest & { readonly transformations: readonly string[] },
): Promise<Lookup<{ readonly marked: Marked['images'] }>> {
  const { tenantId, imageId, actor } = request;
  return database.asTenant(tenantId, async (tx) => {
    const [image] = await tx.query<LockedImage>(lockImage, [tenantId, imageId]);
    if (!image) return { state: 'missing' };
    if (image.original_id !== null) return { state: 'found', value: { marked: [] } };
    const originalId = image.trashed_original_id;
    if (originalId === null) return { state: 'gone' };
    await lockOriginal(tx, tenantId, originalId, 'change');
    await tx.query(restoreImageStatement, [tenantId, imageId]);
    const [original] = await tx.query<{ facts: SourceFacts }>(selectFacts, [tenantId, originalId]);
    invariant(original, 'the trash holds its originals');
    await orderRenditions(tx, clock, {
      ...{ tenantId, originalId, source: original.facts, lane: 'normal' },
      transformations,
    });
    const marked = await findMarkedBy(tx, tenantId, imageId);
    const told = { tenantId, imageId, subject: imageId, actor, personal: personalOf(request) };
    const purges = purgesOf(tenantId, { images: marked }, actor);
    await recordEvents(tx, clock, [{ ...told, type: 'image.restored', data: { originalId } }, ...purges]);
    return { state: 'found', value: { marked } };
  });
}

/** Images whose time in the trash is over, `limit` of them at most. */
export function listDue(
  database: Queryable,
  limit: number,
): Promise<{ readonly tenantId: string; readonly imageId: string }[]> {
  return database.query<{ tenantId: string; imageId: string }>(selectDue, [limit]);
}

function personalOf({ address }: TrashRequest): { address?: string } {
  return { ...(address !== undefined && { address }) };
}
