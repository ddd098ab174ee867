import { statement } from '../db/statement.ts';

/** A notification of the transaction that makes something stale: sent at its commit, or never. Rare beside uploads. */
export const TELL_STALE = statement('events_tell_stale', 'SELECT pg_notify($1, $2)');

/**
 * Takes or renews the lease of a pass and reads what it has to tell: a range of the unique index over log positions,
 * $5 of them at most, so that a long log of other events is walked in steps. One row without event when there is
 * nothing; no row while another holds the lease. $1 pass, $2 holder, $3 lease in ms, $4 types, $5 positions at most,
 * $6 events at most.
 */
export const READ_PURGES = statement(
  'events_read_purges',
  `WITH held AS (
     UPDATE purge_cursors
     SET holder = $2, lease_until = clock_timestamp() + $3 * interval '1 ms',
       log_position = coalesce(log_position, (SELECT log_position FROM sealer_state))
     WHERE pass = $1 AND (holder = $2 OR lease_until < clock_timestamp()
       OR lease_until > clock_timestamp() + 2 * $3 * interval '1 ms')
     RETURNING log_position
   ), span AS (
     SELECT held.log_position AS after, least(s.log_position, held.log_position + $5) AS up_to FROM held, sealer_state s
   )
   SELECT span.after, span.up_to, e.log_position, e.tenant_id, e.image_id, e.age_ms FROM span
   LEFT JOIN LATERAL (
     SELECT log_position, tenant_id, image_id, extract(epoch FROM clock_timestamp() - at) * 1000 AS age_ms FROM events
     WHERE log_position > span.after AND log_position <= span.up_to AND type = ANY ($4)
     ORDER BY log_position LIMIT $6
   ) e ON true
   ORDER BY e.log_position`,
);

/** Moves a cursor that stands where its reader found it; by primary key. $1 pass, $2 from, $3 to. */
export const MOVE_PURGE_CURSOR = statement(
  'events_move_purge_cursor',
  'UPDATE purge_cursors SET log_position = $3 WHERE pass = $1 AND log_position = $2',
);

/** Lets the next take over at once. $1 holder. */
export const RELEASE_PURGE_CURSORS = statement(
  'events_release_purge_cursors',
  `UPDATE purge_cursors SET holder = NULL, lease_until = '-infinity' WHERE holder = $1`,
);
