import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { type NamedObject, namedObjects, OBJECTS_PATH, type ObjectSource } from '../backup/index.ts';
import type { Database } from '../db/database.ts';
import { keyOf, OBJECTS_FOLDER } from '../drivers/fs-object-store/layout.ts';
import { anchoredPosition } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** An object that a row names and that no source has whole. */
export type Lacking = Pick<NamedObject, 'kind' | 'tenantId' | 'id' | 'objectKey'>;

export interface ObjectsToRestore {
  readonly database: Database;
  readonly store: ObjectStore;
  /** Asked in this order; a copy counts if it has the digest of the row. */
  readonly sources: readonly ObjectSource[];
  /** For the objects of the system itself, which no row names: the backup's folder and its files. */
  readonly backup: string;
  readonly files: AsyncIterable<{ readonly path: string; readonly bytes: number }>;
}

const LACKING_TOLD_MAX = 1_000;
const SYSTEM_PATH = `${OBJECTS_PATH}/${OBJECTS_FOLDER}/system/`;
/** Written anew for the database that was restored. */
const INSTALLATION_PREFIX = 'system/installation/';

/** Puts every object that the database names into the store, and what the system keeps there itself. */
export async function restoreObjects(
  request: ObjectsToRestore,
): Promise<{ objects: number; bytes: number; lacking: Lacking[]; lackingTotal: number }> {
  const done = { objects: 0, bytes: 0, lackingTotal: 0 };
  const lacking: Lacking[] = [];
  for await (const object of namedObjects(request.database)) {
    if (await restoreOne(request, object)) {
      done.objects += 1;
      done.bytes += object.bytes;
      continue;
    }
    done.lackingTotal += 1;
    const { kind, tenantId, id, objectKey } = object;
    if (lacking.length < LACKING_TOLD_MAX) lacking.push({ kind, tenantId, id, objectKey });
  }
  await restoreSystem(request);
  return { ...done, lacking };
}

async function restoreOne({ sources, store }: ObjectsToRestore, object: NamedObject): Promise<boolean> {
  for (const source of sources) {
    const stream = await source.open(object.objectKey);
    if (!stream) continue;
    // One that cannot be read, or is too long, is not there.
    const digest = await store.putStream(object.objectKey, stream, { bytesMax: object.bytes }).catch(() => undefined);
    stream.destroy();
    if (digest && object.sha256.equals(digest.sha256)) return true;
    if (digest) await store.remove([object.objectKey]);
  }
  return false;
}

/**
 * Anchors of the log, published keys and the like. An anchor that knows more of the log than this database is left
 * behind: the log was cut there, by the restore.
 */
async function restoreSystem({ database, store, backup, files }: ObjectsToRestore): Promise<void> {
  const [state] = await database.query<{ position: number }>('SELECT log_position AS position FROM sealer_state');
  for await (const { path, bytes } of files) {
    if (!path.startsWith(SYSTEM_PATH)) continue;
    const key = keyOf(path.slice(OBJECTS_PATH.length + 1));
    if (key.startsWith(INSTALLATION_PREFIX) || (anchoredPosition(key) ?? 0) > (state?.position ?? 0)) continue;
    await store.putStream(key, createReadStream(join(backup, 'data', path)), { bytesMax: bytes });
  }
}
