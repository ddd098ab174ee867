import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { recordEvents } from '../events/index.ts';
import { lockOriginal } from '../originals/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { forgetPyramid, remakeRendition, tellDropped } from '../renditions/index.ts';
import { moveOriginal, selectImagesOf } from './mend.sql.ts';
import type { NamedObject } from './named-objects.ts';
import { findOriginalDamage } from './scrub.sql.ts';
import type { ObjectSource } from './source.ts';

export type Damage = 'missing' | 'damaged';

export interface MendDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly store: ObjectStore;
  /** Where originals may be found whole, in the order in which they are asked. */
  readonly sources: readonly ObjectSource[];
}

/**
 * Mends an object: an original from a source whose copy has the right digest, under a fresh key, since objects are
 * written once; a rendition by a job of the `batch` lane that makes it again; a pyramid is forgotten, and made again by
 * the next job that wants one.
 * @returns whether it is mended, or will be when that job has run.
 */
export async function mend(deps: MendDeps, object: NamedObject, damage: Damage): Promise<boolean> {
  const done = await MENDERS[object.kind](deps, object, damage);
  // Nobody needs the damaged bytes any more; what cannot be removed now is swept by the janitor.
  if (done) await deps.store.remove([object.objectKey]).catch(() => undefined);
  return done;
}

async function mendOriginal(deps: MendDeps, object: NamedObject, damage: Damage): Promise<boolean> {
  const { database, clock, store } = deps;
  const { tenantId, originalId } = object;
  const freshKey = await fetchWhole(deps, object);
  if (freshKey === undefined) return false;
  const moved = await database.transaction(async (tx) => {
    if (!(await lockOriginal(tx, tenantId, originalId, 'change'))) return false;
    const rows = await tx.query(moveOriginal, [tenantId, originalId, object.objectKey, freshKey]);
    if (rows.length === 0) return false;
    const images = await tx.query<{ image_id: string }>(selectImagesOf, [tenantId, originalId]);
    const events = images.map(({ image_id: imageId }) => ({
      ...{ tenantId, imageId, subject: originalId, type: 'original.repaired' as const, actor: 'system' },
      data: { originalId, damage },
    }));
    await recordEvents(tx, clock, events);
    return true;
  });
  if (!moved) await store.remove([freshKey]).catch(() => undefined);
  return moved;
}

/** Copies the bytes from the first source that has them whole. @returns the fresh key. */
async function fetchWhole({ sources, store, clock }: MendDeps, object: NamedObject): Promise<string | undefined> {
  for (const source of sources) {
    const stream = await source.open(object.objectKey);
    if (!stream) continue;
    const key = `${object.tenantId}/original/${newId('object', clock)}`;
    // A source that cannot be read to the end is one that does not have it.
    const digest = await store.putStream(key, stream, { bytesMax: object.bytes }).catch(() => undefined);
    stream.destroy();
    if (digest && object.sha256.equals(digest.sha256)) return key;
    if (digest) await store.remove([key]);
  }
  return undefined;
}

/** Of a damaged original no rendition can be made: the damaged one stays until that is mended. */
async function remake({ database, clock }: MendDeps, object: NamedObject, damage: Damage): Promise<boolean> {
  const { tenantId, originalId, id: renditionId, objectKey } = object;
  return database.transaction(async (tx) => {
    if ((await tx.query(findOriginalDamage, [tenantId, originalId])).length > 0) return false;
    return remakeRendition(tx, clock, { tenantId, originalId, renditionId, objectKey, damage });
  });
}

async function forget({ database, clock }: MendDeps, { tenantId, originalId }: NamedObject): Promise<boolean> {
  return database.transaction(async (tx) => {
    const pyramid = await forgetPyramid(tx, tenantId, originalId);
    if (pyramid) await tellDropped(tx, clock, { tenantId, subject: originalId, objects: 1, bytes: pyramid.bytes });
    return pyramid !== undefined;
  });
}

const MENDERS: Readonly<
  Record<NamedObject['kind'], (deps: MendDeps, object: NamedObject, damage: Damage) => Promise<boolean>>
> = { original: mendOriginal, rendition: remake, pyramid: forget };
