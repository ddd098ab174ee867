import type { Database } from '../db/database.ts';
import { type UploadHold, UploadLostError } from './model.ts';
import { ADVANCE_UPLOAD, COUNT_PARTS, INSERT_PART, SELECT_PARTS } from './uploads.sql.ts';

/** As many as an upload in parts has in S3. */
const PARTS_MAX = 10_000;

export interface UploadPart {
  readonly objectKey: string;
  readonly bytes: number;
}

/** The upload came in more pieces than it may. */
export class TooManyPartsError extends Error {
  override readonly name = 'TooManyPartsError';
  readonly limit = PARTS_MAX;
}

/** Counts a piece that is durable under its key as received, right behind byte `first`. @throws UploadLostError */
export async function addPart(
  database: Database,
  hold: UploadHold,
  part: UploadPart & { readonly first: number },
): Promise<void> {
  const { tenantId, uploadId, token } = hold;
  await database.asTenant(tenantId, async (tx) => {
    const advanced = await tx.query(ADVANCE_UPLOAD, [tenantId, uploadId, token, part.first, part.bytes]);
    if (advanced.length === 0) throw new UploadLostError(hold);
    const [parts] = await tx.query<{ count: number }>(COUNT_PARTS, [tenantId, uploadId]);
    if ((parts?.count ?? 0) >= PARTS_MAX) throw new TooManyPartsError(`an upload has ${PARTS_MAX} parts at most`);
    await tx.query(INSERT_PART, [tenantId, uploadId, part.first, part.bytes, part.objectKey]);
  });
}

/** In the order of their bytes. */
export async function listParts(database: Database, tenantId: string, uploadId: string): Promise<UploadPart[]> {
  const rows = await database.asTenant(tenantId, (tx) =>
    tx.query<{ object_key: string; bytes: number }>(SELECT_PARTS, [tenantId, uploadId]),
  );
  return rows.map((row) => ({ objectKey: row.object_key, bytes: row.bytes }));
}
