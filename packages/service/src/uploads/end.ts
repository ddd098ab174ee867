import type { Problem } from '@safelight/contract';
import type { Database, Transaction } from '../db/database.ts';
import { type UploadHold, UploadLostError } from './model.ts';
import {
  DELETE_PARTS,
  DELETE_PARTS_OF_IMAGE,
  DELETE_UPLOAD,
  DELETE_UPLOADS_OF_IMAGE,
  FINISH_UPLOAD,
  REFUSE_UPLOAD,
} from './uploads.sql.ts';

/**
 * Ends an upload in the transaction that accepts its image, so that it is accepted once, whoever else tries.
 * @returns the keys of its parts, to be removed after the commit.
 * @throws UploadLostError when somebody else holds it or has ended it.
 */
export async function finishUpload(tx: Transaction, hold: UploadHold, imageId: string): Promise<string[]> {
  const { tenantId, uploadId, token } = hold;
  if ((await tx.query(FINISH_UPLOAD, [tenantId, uploadId, token, imageId])).length === 0)
    throw new UploadLostError(hold);
  return partsOf(await tx.query(DELETE_PARTS, [tenantId, uploadId]));
}

/** Its bytes are no picture that is taken here, and will not become one. @returns the keys of its parts. */
export async function refuseUpload(database: Database, hold: UploadHold, problem: Problem): Promise<string[]> {
  const { tenantId, uploadId, token } = hold;
  return database.asTenant(tenantId, async (tx) => {
    const refused = await tx.query(REFUSE_UPLOAD, [tenantId, uploadId, token, JSON.stringify(problem)]);
    if (refused.length === 0) throw new UploadLostError(hold);
    return partsOf(await tx.query(DELETE_PARTS, [tenantId, uploadId]));
  });
}

/** Forgets an upload; an image that came of it stays. @returns the keys of what lay staged. @throws UploadLostError */
export async function removeUpload(database: Database, hold: UploadHold): Promise<string[]> {
  const { tenantId, uploadId, token } = hold;
  return database.asTenant(tenantId, async (tx) => {
    const parts = partsOf(await tx.query(DELETE_PARTS, [tenantId, uploadId]));
    const [gone] = await tx.query<{ object_key: string | null }>(DELETE_UPLOAD, [tenantId, uploadId, token]);
    if (!gone) throw new UploadLostError(hold);
    return gone.object_key === null ? parts : [...parts, gone.object_key];
  });
}

/** Forgets the uploads of which an image came: its name, tags and digest stand there too. */
export async function forgetUploadsOf(
  tx: Transaction,
  tenantId: string,
  imageId: string,
): Promise<{ readonly uploads: number; readonly objectKeys: string[] }> {
  const parts = partsOf(await tx.query(DELETE_PARTS_OF_IMAGE, [tenantId, imageId]));
  const gone = await tx.query<{ object_key: string | null }>(DELETE_UPLOADS_OF_IMAGE, [tenantId, imageId]);
  const staged = gone.flatMap(({ object_key }) => (object_key === null ? [] : [object_key]));
  return { uploads: gone.length, objectKeys: [...parts, ...staged] };
}

function partsOf(rows: readonly unknown[]): string[] {
  return (rows as readonly { object_key: string }[]).map((row) => row.object_key);
}
