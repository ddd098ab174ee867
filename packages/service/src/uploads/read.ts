import type { Database } from '../db/database.ts';
import type { UploadInProgress } from './model.ts';
import { toUpload, type UploadRow } from './row.ts';
import { SELECT_UPLOAD } from './uploads.sql.ts';

export async function getUpload(
  database: Database,
  tenantId: string,
  uploadId: string,
): Promise<UploadInProgress | undefined> {
  const [row] = await database.asTenant(tenantId, (tx) => tx.query<UploadRow>(SELECT_UPLOAD, [tenantId, uploadId]));
  return row && toUpload(row);
}
