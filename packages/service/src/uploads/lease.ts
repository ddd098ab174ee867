import type { Database } from '../db/database.ts';
import type { UploadHold } from './model.ts';
import { RELEASE_LEASE, RENEW_LEASE, TAKE_LEASE, WANT_LEASE } from './uploads.sql.ts';

/** Takes the right to write to an upload; `held` tells its holder that somebody waits. */
export async function takeUpload(
  database: Database,
  tenantId: string,
  uploadId: string,
  leaseSeconds: number,
): Promise<UploadHold | 'held' | 'missing'> {
  return database.asTenant(tenantId, async (tx) => {
    const [taken] = await tx.query<{ lease_token: number }>(TAKE_LEASE, [tenantId, uploadId, leaseSeconds]);
    if (taken) return { tenantId, uploadId, token: taken.lease_token };
    return (await tx.query(WANT_LEASE, [tenantId, uploadId])).length > 0 ? 'held' : 'missing';
  });
}

/** Holds on. @returns whether somebody waits for it, or that it is lost. */
export async function renewUpload(
  database: Database,
  { tenantId, uploadId, token }: UploadHold,
  leaseSeconds: number,
): Promise<'held' | 'wanted' | 'lost'> {
  const [row] = await database.asTenant(tenantId, (tx) =>
    tx.query<{ lease_wanted: boolean }>(RENEW_LEASE, [tenantId, uploadId, token, leaseSeconds]),
  );
  if (!row) return 'lost';
  return row.lease_wanted ? 'wanted' : 'held';
}

export async function releaseUpload(database: Database, { tenantId, uploadId, token }: UploadHold): Promise<void> {
  await database.asTenant(tenantId, (tx) => tx.query(RELEASE_LEASE, [tenantId, uploadId, token]));
}
