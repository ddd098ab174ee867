import { hotStatement, statement } from '../db/statement.ts';
import { GONE_MS } from './model.ts';

/** A heartbeat from the future was written before the database's clock was set back, by a node that has not spoken since. */
const IS_GONE = `n.heartbeat_at NOT BETWEEN clock_timestamp() - interval '${GONE_MS} ms'
                                    AND clock_timestamp() + interval '${GONE_MS} ms'`;

/**
 * A node's word, first and every two seconds after. The commit waits for no disk: a crash of the database loses a moment
 * that the next heartbeat brings back. Answers no row when another run of the same node id lives, unless this one
 * begins ($11): a node that was killed and restarted takes its row back at once.
 */
export const RECORD_NODE = hotStatement(
  'node_record',
  `INSERT INTO nodes AS n (node_id, boot_id, state, roles, version, schema_version, worker_processes, memory_bytes, host,
     address)
   SELECT $1, $2, $3, $4::text[], $5, $6::integer, $7::integer, $8::bigint, $9, $10
   FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
   ON CONFLICT (node_id) DO UPDATE
     SET boot_id = excluded.boot_id, state = excluded.state, roles = excluded.roles, version = excluded.version,
       schema_version = excluded.schema_version, worker_processes = excluded.worker_processes,
       memory_bytes = excluded.memory_bytes, host = excluded.host, address = excluded.address,
       started_at = CASE WHEN n.boot_id = excluded.boot_id THEN n.started_at ELSE excluded.started_at END,
       heartbeat_at = excluded.heartbeat_at
     WHERE n.boot_id = excluded.boot_id OR $11::boolean OR ${IS_GONE}
   RETURNING 1`,
);

/** $1 node id, $2 boot id: the row of another run stays. */
export const REMOVE_NODE = statement('node_remove', 'DELETE FROM nodes WHERE node_id = $1 AND boot_id = $2');

/** A page in the order of ids, along the primary key. $1 the last id of the page before, or '', $2 how many. */
export const LIST_NODES = statement(
  'node_list',
  `SELECT node_id AS "nodeId", boot_id AS "bootId", CASE WHEN ${IS_GONE} THEN 'gone' ELSE state END AS state, roles,
     version, schema_version AS "schemaVersion", worker_processes AS "workerProcesses", memory_bytes AS "memoryBytes",
     host, address, started_at AS "startedAt", heartbeat_at AS "heartbeatAt",
     greatest(0, round(extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000))::float8 AS "silentMs"
   FROM nodes n WHERE node_id > $1 ORDER BY node_id LIMIT $2`,
);

/** Reads the whole table, some rows per node: not for every heartbeat. */
export const COUNT_NODES = statement(
  'node_count',
  `SELECT CASE WHEN ${IS_GONE} THEN 'gone' ELSE state END AS state, count(*) AS nodes,
     count(*) FILTER (WHERE 'worker' = ANY (roles) AND NOT ${IS_GONE}) AS supervisors
   FROM nodes n GROUP BY 1`,
);

/** $1 milliseconds of silence, by whatever clock was set back or forth meanwhile. */
export const FORGET_NODES = statement(
  'node_forget',
  `DELETE FROM nodes WHERE heartbeat_at NOT BETWEEN clock_timestamp() - $1 * interval '1 ms'
                                                AND clock_timestamp() + $1 * interval '1 ms'`,
);
