import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { recordEvents } from '../events/index.ts';
import { lockLiveImage, replaceTags, setVisibility } from './change.sql.ts';
import { purgesOf } from './delete.ts';
import { findMarkedBy, type Marked } from './marked.ts';
import type { Lookup } from './read.ts';

export interface ImageChange {
  readonly tenantId: string;
  readonly imageId: string;
  readonly actor: string;
  readonly address: string | undefined;
  /** What is absent stays. */
  readonly isPrivate?: boolean | undefined;
  /** All that it has from now on. */
  readonly tags?: readonly string[] | undefined;
}

export interface ChangedImage {
  /** Images of which nodes and caches must ask anew: this one and those that show it, or none. See {@link Marked}. */
  readonly stale: Marked['images'];
}

/**
 * Changes who may see an image, and its tags. From the commit on every look finds it as it is; caches in front are told
 * to drop what they hold of it, and of those pictures that lay it over theirs.
 */
export async function changeImage(
  database: Database,
  clock: Clock,
  { tenantId, imageId, actor, address, isPrivate, tags }: ImageChange,
): Promise<Lookup<ChangedImage>> {
  return database.asTenant(tenantId, async (tx) => {
    const [image] = await tx.query<{ private: boolean; is_gone: boolean }>(lockLiveImage, [tenantId, imageId]);
    if (!image) return { state: 'missing' };
    if (image.is_gone) return { state: 'gone' };
    const own = tags && [...new Set(tags)];
    if (own) await tx.query(replaceTags, [tenantId, imageId, own]);
    const turns = isPrivate !== undefined && isPrivate !== image.private;
    let stale: Marked['images'] = [];
    if (turns) {
      await tx.query(setVisibility, [tenantId, imageId, isPrivate]);
      const marked = await findMarkedBy(tx, tenantId, imageId);
      stale = marked === 'all' ? 'all' : [imageId, ...marked];
    }
    if (!turns && !own) return { state: 'found', value: { stale } };
    const data = {
      ...(turns && { visibility: isPrivate ? ('private' as const) : ('public' as const) }),
      ...(own && { tags: own.length }),
    };
    const told = { tenantId, imageId, subject: imageId, actor, data, personal: { ...(address && { address }) } };
    await recordEvents(tx, clock, [
      { ...told, type: 'image.changed' },
      ...purgesOf(tenantId, { images: stale }, actor),
    ]);
    return { state: 'found', value: { stale } };
  });
}
