import { statement } from '../db/statement.ts';
import { GONE_MS } from './model.ts';

/** The registry's nodes that have the role worker and live. A row per node. */
export const LIST_WORKER_NODES = statement(
  'scaling_worker_nodes',
  `SELECT node_id AS "nodeId", host, state, worker_processes AS workers FROM nodes
   WHERE 'worker' = ANY (roles) AND heartbeat_at BETWEEN clock_timestamp() - interval '${GONE_MS} ms'
                                                     AND clock_timestamp() + interval '${GONE_MS} ms'`,
);

/** Connections of clients, whoever they are, and how many there may be besides those kept for superusers. */
export const COUNT_CONNECTIONS = statement(
  'scaling_connections',
  `SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used,
     current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS "max"`,
);

/**
 * When the last changes up and down were, in seconds before now; null: never. Backwards along scaling_changes to the
 * first of each kind. A clock that was set back since gives 0.
 */
export const READ_SINCE_CHANGES = statement(
  'scaling_since_changes',
  `SELECT
     (SELECT greatest(0, extract(epoch FROM clock_timestamp() - decided_at))::float8 FROM scaling_decisions
      WHERE workers <> workers_before AND workers > workers_before ORDER BY decision_id DESC LIMIT 1) AS up,
     (SELECT greatest(0, extract(epoch FROM clock_timestamp() - decided_at))::float8 FROM scaling_decisions
      WHERE workers <> workers_before AND workers < workers_before ORDER BY decision_id DESC LIMIT 1) AS down`,
);

/** In the leader's transaction, behind its fence. */
export const KEEP_DECISION = statement(
  'scaling_keep',
  `INSERT INTO scaling_decisions (token, node_id, pool, workers_before, workers, workers_needed, reason, cut_by,
     drain_seconds, observations, policy)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::jsonb)
   RETURNING decision_id AS id`,
);

/** $1 decision, $2 why the pool did not take the order. */
export const NOTE_FAILURE = statement(
  'scaling_failure',
  'UPDATE scaling_decisions SET failure = left($2, 500) WHERE decision_id = $1',
);

/** Drops decisions that changed nothing after $2 further ones, and all after $3. $1 the newest. */
export const FORGET_DECISIONS = statement(
  'scaling_forget',
  `DELETE FROM scaling_decisions
   WHERE decision_id <= $1::bigint - $3::bigint
      OR (decision_id <= $1::bigint - $2::bigint AND workers = workers_before)`,
);

const COLUMNS = `decision_id AS id, decided_at AS at, node_id AS "nodeId", pool, workers_before AS "workersBefore", workers,
     workers_needed AS "workersNeeded", reason, cut_by AS "cutBy", drain_seconds AS "drainSeconds", observations, policy,
     failure, greatest(0, extract(epoch FROM clock_timestamp() - decided_at))::float8 AS "ageSeconds"`;

/** The newest first, along the primary key. $1 older than this one, $2 how many. */
export const LIST_DECISIONS = statement(
  'scaling_list',
  `SELECT ${COLUMNS} FROM scaling_decisions WHERE decision_id < $1 ORDER BY decision_id DESC LIMIT $2`,
);

/** The same, along scaling_changes. */
export const LIST_CHANGES = statement(
  'scaling_list_changes',
  `SELECT ${COLUMNS} FROM scaling_decisions WHERE decision_id < $1 AND workers <> workers_before
   ORDER BY decision_id DESC LIMIT $2`,
);

/** Who holds the lease named $1 now. */
export const READ_LEADER = statement(
  'scaling_leader',
  `SELECT holder FROM role_leases
   WHERE name = $1 AND holder IS NOT NULL AND lease_until >= clock_timestamp()`,
);
