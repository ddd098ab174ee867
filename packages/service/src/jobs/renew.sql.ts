import { statement } from '../db/statement.ts';

/**
 * Extends a node's leases: one statement for all of them, and a heap-only update each, because no index holds
 * lease_until. Only leases that the node names are renewed: one whose claim's answer was lost must end. The lateral
 * look-up can only be one per lease, by primary key, and the update goes by row address, so there is no join that
 * could be planned badly.
 */
export const renewLeases = statement(
  'jobs-renew',
  `WITH held AS MATERIALIZED (
     SELECT j.row_address
     FROM unnest($1::text[], $2::text[], $3::bigint[]) AS named(tenant_id, job_id, token)
     CROSS JOIN LATERAL (
       SELECT jobs.ctid AS row_address FROM jobs
       WHERE jobs.tenant_id = named.tenant_id AND jobs.job_id = named.job_id
         AND jobs.state = 'leased' AND jobs.lease_token = named.token
       FOR NO KEY UPDATE
     ) AS j
   )
   UPDATE jobs SET lease_until = clock_timestamp() + $4 * interval '1 millisecond'
   FROM held WHERE jobs.ctid = held.row_address
   RETURNING jobs.tenant_id AS "tenantId", jobs.job_id AS "jobId", jobs.lease_token AS token`,
);
