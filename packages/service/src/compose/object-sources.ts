import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { OBJECTS_PATH, type ObjectSource } from '../backup/index.ts';
import { OBJECTS_FOLDER, placeOf } from '../drivers/fs-object-store/layout.ts';
import { exists } from './backup-folder.ts';

/** A folder holds no objects; the message says what it should be. */
class NoObjectsError extends Error {
  override readonly name = 'NoObjectsError';
}

/** The objects of a folder: of a backup, of a node's data, or a store's own. Read alone. @throws NoObjectsError */
export async function folderSource(folder: string): Promise<ObjectSource> {
  for (const root of [join(folder, 'data', OBJECTS_PATH), join(folder, OBJECTS_PATH), folder]) {
    if (await exists(join(root, OBJECTS_FOLDER))) return fromRoot(folder, root);
  }
  throw new NoObjectsError(`${folder} holds no objects: it must be a backup, a data folder or the folder of a store`);
}

function fromRoot(name: string, root: string): ObjectSource {
  return {
    name,
    open: async (key) => {
      const { path } = placeOf(root, key);
      return (await exists(path)) ? createReadStream(path) : undefined;
    },
  };
}
