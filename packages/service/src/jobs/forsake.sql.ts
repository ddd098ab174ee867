import { statement } from '../db/statement.ts';

/** Ends the leases of one node at once. Reads jobs_leased whole, which is as long as the fleet has workers. */
export const endLeasesOf = statement(
  'jobs-end-leases-of-node',
  `UPDATE jobs SET lease_until = clock_timestamp() - interval '1 millisecond'
   WHERE state = 'leased' AND leased_by = $1
   RETURNING job_id`,
);
