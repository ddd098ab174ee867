import type { Clock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { Database, Transaction } from '../db/database.ts';
import { eraseImageEvents, type NewEvent, recordEvents } from '../events/index.ts';
import { cancelJobs } from '../jobs/index.ts';
import { forgetOriginal, lockOriginal } from '../originals/index.ts';
import { forgetPyramid } from '../renditions/index.ts';
import { buryImage, countImagesOf, deleteRenditions, lockImage } from './delete.sql.ts';
import { blankAnswers } from './idempotency.ts';
import { dropMarkedBy, type Marked } from './marked.ts';
import type { Lookup } from './read.ts';
import { restOriginal } from './rest.ts';

/** An object that no row names any more. */
export interface Removed {
  readonly key: string;
  readonly bytes: number;
}

export interface DeletedImage {
  readonly imageId: string;
  readonly deletedAt: Date;
  readonly originalRemoved: boolean;
  readonly renditionsRemoved: number;
  /** Of original, renditions and pyramid. */
  readonly bytes: number;
  /** Referenced by nothing once the transaction has committed; to be removed from the object store then. */
  readonly objectKeys: readonly string[];
  readonly objects: readonly Removed[];
  /** Answers to requests with an Idempotency-Key that told of it. */
  readonly answersBlanked: number;
  /** Other images whose renditions it was laid over: their URLs answer otherwise now; `all` when they are many. */
  readonly marked: readonly string[] | 'all';
}

export interface DeletionRequest {
  readonly tenantId: string;
  readonly imageId: string;
  readonly actor: string;
  readonly address?: string | undefined;
  /** Only out of the trash, and only if its time there is over: else it is `missing`. */
  readonly onlyDue?: boolean | undefined;
}

/**
 * Deletes an image, in the trash or not, and what other images' renditions show of it. With the tenant's last image of the same bytes go the
 * original, its renditions and its jobs. The original is locked for removal before its images are counted: an upload of
 * the same bytes either came before and is counted, or waits and then finds nothing.
 * @param finish is called last inside the transaction with what is removed, such as to keep a record of it.
 */
export async function deleteImage(
  database: Database,
  clock: Clock,
  request: DeletionRequest,
  finish?: (tx: Transaction, deleted: DeletedImage) => Promise<void>,
): Promise<Lookup<DeletedImage>> {
  const { tenantId, imageId } = request;
  return database.asTenant(tenantId, async (tx) => {
    const [image] = await tx.query<LockedImage>(lockImage, [tenantId, imageId]);
    if (!image || (request.onlyDue && !image.is_due)) return { state: 'missing' };
    const originalId = image.original_id ?? image.trashed_original_id;
    if (originalId === null) return { state: 'gone' };
    await lockOriginal(tx, tenantId, originalId, 'remove');
    const [buried] = await tx.query<{ deleted_at: Date }>(buryImage, [tenantId, imageId]);
    invariant(buried, 'a locked image can be buried');
    const removed = await removeUnused(tx, tenantId, originalId);
    const marked = await dropMarkedBy(tx, tenantId, imageId);
    // Name, digest and address of who sent it go with the image; who deleted it stays told.
    await eraseImageEvents(tx, tenantId, imageId);
    await recordEvents(tx, clock, [
      {
        tenantId,
        imageId,
        subject: imageId,
        type: 'image.deleted',
        actor: request.actor,
        data: {
          originalId,
          originalDeleted: removed.originalRemoved,
          renditions: removed.renditionsRemoved,
          storedBytes: 0 - removed.bytes - marked.bytes,
        },
        personal: { ...(request.address !== undefined && { address: request.address }) },
      },
      ...purgesOf(tenantId, marked, request.actor),
    ]);
    const objects = [...removed.objects, ...marked.objects];
    const value: DeletedImage = {
      ...removed,
      ...{ imageId, deletedAt: buried.deleted_at, objects, marked: marked.images },
      objectKeys: objects.map(({ key }) => key),
      answersBlanked: await blankAnswers(tx, tenantId, imageId),
    };
    await finish?.(tx, value);
    return { state: 'found', value };
  });
}

export interface LockedImage {
  readonly original_id: string | null;
  readonly trashed_original_id: string | null;
  readonly deleted_at: Date | null;
  readonly erase_at: Date | null;
  readonly is_due: boolean | null;
}

/** Has all caches drop what shows the image that is gone. */
export function purgesOf(tenantId: string, { images }: Pick<Marked, 'images'>, actor: string): NewEvent[] {
  const purge = { tenantId, actor, type: 'delivery.purged' } as const;
  if (images === 'all') return [{ ...purge, subject: tenantId, data: { scope: 'tenant' } }];
  return images.map((imageId) => ({ ...purge, imageId, subject: imageId, data: { scope: 'image' } }));
}

async function removeUnused(
  tx: Transaction,
  tenantId: string,
  originalId: string,
): Promise<Pick<DeletedImage, 'originalRemoved' | 'renditionsRemoved' | 'objects' | 'bytes'>> {
  const [count] = await tx.query<{ images: number; trashed: number }>(countImagesOf, [tenantId, originalId]);
  if (count?.images !== 0 || count.trashed !== 0) {
    // What the trash alone holds is worked on no further.
    if (count?.images === 0) await restOriginal(tx, tenantId, originalId);
    return { originalRemoved: false, renditionsRemoved: 0, objects: [], bytes: 0 };
  }
  await cancelJobs(tx, tenantId, originalId);
  const renditions = await tx.query<{ object_key: string | null; bytes: number | null }>(deleteRenditions, [
    tenantId,
    originalId,
  ]);
  const pyramid = await forgetPyramid(tx, tenantId, originalId);
  const original = await forgetOriginal(tx, tenantId, originalId);
  const objects = [
    { key: original.objectKey, bytes: original.bytes },
    ...(pyramid === undefined ? [] : [{ key: pyramid.objectKey, bytes: pyramid.bytes }]),
    ...renditions.flatMap(({ object_key, bytes }) =>
      object_key === null ? [] : [{ key: object_key, bytes: bytes ?? 0 }],
    ),
  ];
  return {
    originalRemoved: true,
    renditionsRemoved: renditions.length,
    bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    objects,
  };
}
