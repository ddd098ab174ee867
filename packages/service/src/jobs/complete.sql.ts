import { hotStatement, statement } from '../db/statement.ts';

/** Ends a job: deleted by primary key, and only with the current token. Its history is in the events. */
export const deleteLeasedJob = hotStatement(
  'jobs-complete',
  `DELETE FROM jobs WHERE tenant_id = $1 AND job_id = $2 AND state = 'leased' AND lease_token = $3 RETURNING job_id`,
);

/** Locks a leased job's row, so that it can neither expire nor be taken until the transaction ends. */
export const lockLeasedJob = hotStatement(
  'jobs-hold',
  `SELECT job_id FROM jobs WHERE tenant_id = $1 AND job_id = $2 AND state = 'leased' AND lease_token = $3
   FOR NO KEY UPDATE`,
);

/** Ends many jobs; each lease is looked up by primary key and its row deleted by address (see renew.sql.ts). */
export const deleteLeasedJobs = statement(
  'jobs-complete-many',
  `WITH held AS MATERIALIZED (
     SELECT j.row_address
     FROM unnest($1::text[], $2::text[], $3::bigint[]) AS named(tenant_id, job_id, token)
     CROSS JOIN LATERAL (
       SELECT jobs.ctid AS row_address FROM jobs
       WHERE jobs.tenant_id = named.tenant_id AND jobs.job_id = named.job_id
         AND jobs.state = 'leased' AND jobs.lease_token = named.token
       FOR UPDATE
     ) AS j
   )
   DELETE FROM jobs USING held WHERE jobs.ctid = held.row_address
   RETURNING jobs.tenant_id AS "tenantId", jobs.job_id AS "jobId", jobs.lease_token AS token`,
);
