import { statement } from '../db/statement.ts';

/**
 * Extends a node's leases: one statement for all of them, by primary key, and a heap-only update each, because no
 * index holds lease_until. Only leases that the node names are renewed: one whose claim's answer was lost must end.
 */
export const renewLeases = statement(
  'jobs-renew',
  `UPDATE jobs j SET lease_until = clock_timestamp() + $4 * interval '1 millisecond'
   FROM unnest($1::text[], $2::text[], $3::bigint[]) AS held(tenant_id, job_id, token)
   WHERE j.tenant_id = held.tenant_id AND j.job_id = held.job_id
     AND j.state = 'leased' AND j.lease_token = held.token
   RETURNING j.tenant_id AS "tenantId", j.job_id AS "jobId", j.lease_token AS token`,
);
