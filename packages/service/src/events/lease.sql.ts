import { hotStatement, statement } from '../db/statement.ts';

/**
 * Takes the one row when nobody holds it, when its lease is over, or when it ends further ahead than two lease lengths:
 * then the database's clock was set back, and waiting for it could take hours. Concurrent takers queue at the row and
 * all but the first find it taken. $1 holder, $2 lease length in ms.
 */
export const ACQUIRE_SEALER_LEASE = statement(
  'sealer_lease_acquire',
  `UPDATE sealer_state
   SET holder = $1, token = token + 1, lease_until = clock_timestamp() + $2 * interval '1 ms', floor = '0'
   WHERE holder IS NULL
      OR lease_until < clock_timestamp()
      OR lease_until > clock_timestamp() + 2 * $2 * interval '1 ms'
   RETURNING token, log_position, log_hash, date_trunc('milliseconds', clock_timestamp()) AS now`,
);

/** Answers no row when the lease has passed to another. $1 holder, $2 token, $3 lease length in ms. */
export const RENEW_SEALER_LEASE = hotStatement(
  'sealer_lease_renew',
  `UPDATE sealer_state SET lease_until = clock_timestamp() + $3 * interval '1 ms'
   WHERE holder = $1 AND token = $2 RETURNING token`,
);

/** Gives the row back and wakes the nodes that wait for it. $1 holder, $2 token, $3 channel, $4 payload. */
export const RELEASE_SEALER_LEASE = statement(
  'sealer_lease_release',
  `WITH released AS (
     UPDATE sealer_state SET holder = NULL WHERE holder = $1 AND token = $2 RETURNING token
   )
   SELECT pg_notify($3, $4) FROM released`,
);

/**
 * The fence: locks the row for the rest of the transaction, so that the lease cannot pass to another before the
 * commit, and answers no row when it has passed already. A process that freezes here keeps the lock for at most
 * $3 ms; then the server ends its session. $1 holder, $2 token.
 *
 * The statements that follow are planned for their indexes: the inbox looks empty to every ANALYZE, and a plan made
 * then would sort the whole backlog for every batch after an hour without a sealer. Without JIT, which on PostgreSQL 15 took
 * 200 ms for a batch of 5 ms.
 */
export const FENCE_SEALER = hotStatement(
  'sealer_fence',
  `SELECT log_position, log_hash, date_trunc('milliseconds', clock_timestamp()) AS now,
     set_config('idle_in_transaction_session_timeout', $3, true),
     set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
     set_config('jit', 'off', true)
   FROM sealer_state WHERE holder = $1 AND token = $2 FOR UPDATE`,
);

/**
 * A logical restore brings inbox rows whose transaction ids belong to another cluster, and which this one would reach
 * in years. No row that a snapshot shows can be of a transaction that the snapshot holds for not yet born.
 */
export const ADOPT_RESTORED_EVENTS = statement(
  'sealer_adopt_restored',
  `UPDATE event_inbox SET xid = pg_current_xact_id() WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())`,
);

/** A node that does not seal tells the one that does that events are there. $1 channel. */
export const TELL_SEALER = statement('sealer_tell', `SELECT pg_notify($1, '')`);
