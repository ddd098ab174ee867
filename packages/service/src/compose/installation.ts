import { invariant } from '../core/invariant.ts';
import type { Queryable } from '../db/database.ts';
import { ObjectExistsError, type ObjectStore } from '../ports/object-store.ts';

/** Database and object store belong to different installations; the message says what to do. */
export class ForeignObjectsError extends Error {
  override readonly name = 'ForeignObjectsError';
}

const PREFIX = 'system/installation/';

/**
 * Makes sure that the objects are this database's: an empty store is marked as its own, one that another database
 * marked is refused, before any janitor sees it.
 * @throws ForeignObjectsError
 */
export async function claimObjects(database: Queryable, store: ObjectStore): Promise<void> {
  const [row] = await database.query<{ installation_id: string }>('SELECT installation_id FROM installation');
  invariant(row, 'the migration gave the installation its id');
  const marks: string[] = [];
  for await (const object of store.list(PREFIX)) marks.push(object.key.slice(PREFIX.length));
  if (marks.includes(row.installation_id)) return;
  if (marks.length > 0) {
    throw new ForeignObjectsError(
      `the objects belong to the installation ${marks[0]}, the database to ${row.installation_id}: set SAFELIGHT_OBJECTS ` +
        'or SAFELIGHT_DATA to a place of this database’s own',
    );
  }
  await store.put(`${PREFIX}${row.installation_id}`, new Uint8Array()).catch((error: unknown) => {
    // Another node of the same installation marked it in this moment.
    if (!(error instanceof ObjectExistsError)) throw error;
  });
}
