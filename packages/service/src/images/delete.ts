import type { Clock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { Database, Transaction } from '../db/database.ts';
import { eraseImageEvents, type NewEvent, recordEvents } from '../events/index.ts';
import { cancelJobs } from '../jobs/index.ts';
import { forgetOriginal, lockOriginal } from '../originals/index.ts';
import { forgetPyramid } from '../renditions/index.ts';
import { buryImage, countImagesOf, deleteRenditions, lockImage } from './delete.sql.ts';
import { dropMarkedBy, type Marked } from './marked.ts';
import type { Lookup } from './read.ts';

export interface DeletedImage {
  readonly imageId: string;
  readonly deletedAt: Date;
  readonly originalRemoved: boolean;
  readonly renditionsRemoved: number;
  /** Referenced by nothing once the transaction has committed; to be removed from the object store then. */
  readonly objectKeys: readonly string[];
  /** Other images whose renditions it was laid over: their URLs answer otherwise now; `all` when they are many. */
  readonly marked: readonly string[] | 'all';
}

/**
 * Deletes an image, and what other images' renditions show of it. With the tenant's last image of the same bytes go the
 * original, its renditions and its jobs. The original is locked for removal before its images are counted: an upload of
 * the same bytes either came before and is counted, or waits and then finds nothing.
 */
export async function deleteImage(
  database: Database,
  clock: Clock,
  request: {
    readonly tenantId: string;
    readonly imageId: string;
    readonly actor: string;
    readonly address?: string | undefined;
  },
): Promise<Lookup<DeletedImage>> {
  const { tenantId, imageId } = request;
  return database.asTenant(tenantId, async (tx) => {
    const [image] = await tx.query<{ original_id: string | null; deleted_at: Date | null }>(lockImage, [
      tenantId,
      imageId,
    ]);
    if (!image) return { state: 'missing' };
    if (image.original_id === null) return { state: 'gone' };
    await lockOriginal(tx, tenantId, image.original_id, 'remove');
    const [buried] = await tx.query<{ deleted_at: Date }>(buryImage, [tenantId, imageId]);
    invariant(buried, 'a locked image can be buried');
    const removed = await removeUnused(tx, tenantId, image.original_id);
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
          originalId: image.original_id,
          originalDeleted: removed.originalRemoved,
          renditions: removed.renditionsRemoved,
        },
        personal: { ...(request.address !== undefined && { address: request.address }) },
      },
      ...purgesOf(tenantId, marked, request.actor),
    ]);
    const objectKeys = [...removed.objectKeys, ...marked.objectKeys];
    const value = { imageId, deletedAt: buried.deleted_at, ...removed, objectKeys, marked: marked.images };
    return { state: 'found', value };
  });
}

/** Has all caches drop what shows the image that is gone. */
function purgesOf(tenantId: string, { images }: Marked, actor: string): NewEvent[] {
  const purge = { tenantId, actor, type: 'delivery.purged' } as const;
  if (images === 'all') return [{ ...purge, subject: tenantId, data: { scope: 'tenant' } }];
  return images.map((imageId) => ({ ...purge, imageId, subject: imageId, data: { scope: 'image' } }));
}

async function removeUnused(
  tx: Transaction,
  tenantId: string,
  originalId: string,
): Promise<Pick<DeletedImage, 'originalRemoved' | 'renditionsRemoved' | 'objectKeys'>> {
  const [count] = await tx.query<{ images: number }>(countImagesOf, [tenantId, originalId]);
  if (count?.images !== 0) return { originalRemoved: false, renditionsRemoved: 0, objectKeys: [] };
  await cancelJobs(tx, tenantId, originalId);
  const renditions = await tx.query<{ object_key: string | null }>(deleteRenditions, [tenantId, originalId]);
  const pyramid = await forgetPyramid(tx, tenantId, originalId);
  const original = await forgetOriginal(tx, tenantId, originalId);
  return {
    originalRemoved: true,
    renditionsRemoved: renditions.length,
    objectKeys: [
      original.objectKey,
      ...(pyramid === undefined ? [] : [pyramid]),
      ...renditions.flatMap(({ object_key }) => (object_key === null ? [] : [object_key])),
    ],
  };
}
