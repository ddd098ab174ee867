import { hotStatement } from '../db/statement.ts';

/** Asks to be woken by the next job that is put into the queue. The table is tiny and not logged. */
export const parkNode = hotStatement(
  'jobs-park',
  `INSERT INTO parked_nodes (node_id) VALUES ($1) ON CONFLICT (node_id) DO UPDATE SET parked_at = clock_timestamp()`,
);

/** Asks no longer; skips a row that a committing enqueue is about to take away. */
export const unparkNode = hotStatement(
  'jobs-unpark',
  `DELETE FROM parked_nodes WHERE node_id IN
     (SELECT node_id FROM parked_nodes WHERE node_id = $1 FOR UPDATE SKIP LOCKED)`,
);
