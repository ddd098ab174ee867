import { statement } from '../db/statement.ts';

/** Ends a job: deleted by primary key, and only with the current token. Its history is in the events. */
export const deleteLeasedJob = statement(
  'jobs-complete',
  `DELETE FROM jobs WHERE tenant_id = $1 AND job_id = $2 AND state = 'leased' AND lease_token = $3 RETURNING job_id`,
);

/** Locks a leased job's row, so that it can neither expire nor be taken until the transaction ends. */
export const lockLeasedJob = statement(
  'jobs-hold',
  `SELECT job_id FROM jobs WHERE tenant_id = $1 AND job_id = $2 AND state = 'leased' AND lease_token = $3
   FOR NO KEY UPDATE`,
);
