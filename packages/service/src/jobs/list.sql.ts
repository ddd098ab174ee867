import { statement } from '../db/statement.ts';

/**
 * A tenant's jobs, the dead first (newest death first, by jobs_dead), then the others by age (by primary key, whose
 * ids carry their time). Each branch stops at the limit.
 */
export const listTenantJobs = statement(
  'jobs-list',
  `SELECT tenant_id AS "tenantId", job_id AS "jobId", original_id AS "originalId", lane, state, attempts, crashes,
     expiries, solitary, cost_micros AS "costMicros", bytes_predicted AS "bytesPredicted", created_at AS "createdAt",
     ready_at AS "readyAt", first_claimed_at AS "firstClaimedAt", died_at AS "diedAt", cause_code AS "causeCode",
     cause_message AS "causeMessage"
   FROM (
     (SELECT 0 AS branch, * FROM jobs WHERE tenant_id = $1 AND state = 'dead' ORDER BY died_at DESC, job_id LIMIT $2)
     UNION ALL
     (SELECT 1 AS branch, * FROM jobs WHERE tenant_id = $1 AND state <> 'dead' ORDER BY job_id LIMIT $2)
   ) AS listed
   ORDER BY branch, died_at DESC, job_id
   LIMIT $2`,
);
