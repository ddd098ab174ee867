import type { Queryable } from '../db/database.ts';
import type { Lease } from './model.ts';
import { LEASE_MS } from './policy.ts';
import { renewLeases } from './renew.sql.ts';

/**
 * Extends leases to {@link LEASE_MS} from now; call it every RENEW_EVERY_MS from the process that supervises.
 * @returns those still held: the work on any other is somebody else's now and must stop.
 */
export async function renew(database: Queryable, leases: readonly Lease[]): Promise<Lease[]> {
  if (leases.length === 0) return [];
  return database.query<Lease>(renewLeases, [
    leases.map((lease) => lease.tenantId),
    leases.map((lease) => lease.jobId),
    leases.map((lease) => lease.token),
    LEASE_MS,
  ]);
}
