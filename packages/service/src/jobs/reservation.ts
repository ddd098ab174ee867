import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';

/** By primary key; the row was made or locked by the same transaction. */
const addReservation = statement(
  'jobs-add-reservation',
  'UPDATE jobs SET reserved_micros = reserved_micros + $3 WHERE tenant_id = $1 AND job_id = $2',
);

/**
 * Keeps with a job what was reserved for it of its tenant's budget, in the transaction that put it into the queue; when
 * the job ends, however it does, a trigger lets it go.
 * @param micros millionths of the currency's unit
 */
export async function keepReservation(tx: Transaction, tenantId: string, jobId: string, micros: number): Promise<void> {
  await tx.query(addReservation, [tenantId, jobId, micros]);
}
