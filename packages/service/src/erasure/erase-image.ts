import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { type DeletedImage, type DeletionRequest, deleteImage, type Lookup } from '../images/index.ts';
import { forgetUploadsOf } from '../uploads/index.ts';
import { insertErasure } from './erasures.sql.ts';
import { kindOf, type RemovedCounts } from './model.ts';

export interface ErasedImage extends DeletedImage {
  /** Of the receipt that is signed once every object is gone. */
  readonly erasureId: string;
}

/**
 * Erases an image, in the trash or not, and keeps in the same transaction what is to be removed: so the receipt can be
 * written by whoever finds it, and tells nothing that did not happen. Objects are removed after the commit.
 */
export async function eraseImage(
  database: Database,
  clock: Clock,
  request: DeletionRequest,
): Promise<Lookup<ErasedImage>> {
  const { tenantId, imageId, actor } = request;
  const erasureId = newId('erasure', clock);
  let staged: readonly string[] = [];
  const lookup = await deleteImage(database, clock, request, async (tx, deleted) => {
    const uploads = await forgetUploadsOf(tx, tenantId, imageId);
    staged = uploads.objectKeys;
    const objectKeys = [...deleted.objectKeys, ...staged];
    const removed: RemovedCounts = {
      original: deleted.originalRemoved ? 'removed' : 'kept_for_other_images',
      rows: {
        images: 1,
        originals: deleted.originalRemoved ? 1 : 0,
        renditions: deleted.renditionsRemoved,
        idempotency_keys: deleted.answersBlanked,
        uploads: uploads.uploads,
      },
      objects: amounts([...deleted.objects, ...staged.map((key) => ({ key, bytes: 0 }))]),
      purged: deleted.marked === 'all' ? [tenantId] : [imageId, ...deleted.marked],
    };
    await tx.query(insertErasure, [tenantId, erasureId, imageId, actor, objectKeys, JSON.stringify(removed)]);
  });
  if (lookup.state !== 'found') return lookup;
  const { value } = lookup;
  return { state: 'found', value: { ...value, objectKeys: [...value.objectKeys, ...staged], erasureId } };
}

/** By kind. */
function amounts(
  objects: readonly { readonly key: string; readonly bytes: number }[],
): NonNullable<RemovedCounts['objects']> {
  const byKind: Record<string, { objects: number; bytes: number }> = {};
  for (const { key, bytes } of objects) {
    const sum = byKind[kindOf(key)] ?? { objects: 0, bytes: 0 };
    byKind[kindOf(key)] = { objects: sum.objects + 1, bytes: sum.bytes + bytes };
  }
  return byKind;
}
