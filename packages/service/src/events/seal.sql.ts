import { hotStatement } from '../db/statement.ts';

/**
 * One look at the inbox: no row when it is empty, else whether its first event can be sealed. The first entry of the
 * index, from the floor on: below it nothing can be, and a long-lived snapshot (a dump) may keep thousands of dead
 * entries there.
 */
export const LOOK_AT_INBOX = hotStatement(
  'event_inbox_look',
  `SELECT xid < pg_snapshot_xmin(pg_current_snapshot()) AS ready FROM event_inbox
   WHERE xid >= (SELECT floor FROM sealer_state) ORDER BY xid, sequence LIMIT 1`,
);

/**
 * The oldest events whose order is settled: every transaction with a smaller id has ended, so nothing can appear
 * before them any more. Runs after the fence in a statement of its own, whose snapshot sees what the last batch left.
 * Ordered by the index on (xid, sequence), from the floor that the fence holds. $1 events at most.
 */
export const PICK_SETTLED_EVENTS = hotStatement(
  'event_inbox_pick',
  `SELECT i.xid::text AS xid, i.tenant_id, i.event_id, i.type, i.subject, i.image_id, i.actor,
     (extract(epoch FROM i.at) * 1000000)::bigint AS at_us, i.data::text AS data_text, i.personal::text AS personal_text, i.salt,
     coalesce(h.position, 0) AS head_position, h.hash AS head_hash
   FROM (
     SELECT * FROM event_inbox WHERE xid >= (SELECT floor FROM sealer_state) AND xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY xid, sequence LIMIT $1
   ) i
   LEFT JOIN event_heads h ON h.tenant_id = i.tenant_id
   ORDER BY i.xid, i.sequence`,
);

/**
 * Moves a batch from the inbox to the log with its positions and links ($1-$7, side by side), moves the heads of its
 * tenants ($8-$11), renews the lease, and tells the followers once. The events' own fields never leave the database.
 * $12 token, $13 lease length in ms, $14 log position, $15 log hash, $16 channel, $17 payload,
 * $18 floor, $19 channel and $20 payload for those who wait for some types alone; empty: nothing is told there.
 */
export const SEAL_EVENTS = hotStatement(
  'event_seal',
  `WITH numbered AS (
     SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[])
       AS n (tenant_id, event_id, position, log_position, personal_digest, hash, log_hash)
   ), moved AS (
     DELETE FROM event_inbox i USING numbered n WHERE i.tenant_id = n.tenant_id AND i.event_id = n.event_id
     RETURNING i.tenant_id, n.position, n.log_position, i.event_id, i.type, i.subject, i.image_id, i.actor, i.at,
       i.data, i.personal, i.salt, n.personal_digest, n.hash, n.log_hash
   ), sealed AS (
     INSERT INTO events (tenant_id, position, log_position, event_id, type, subject, image_id, actor, at,
       data, personal, salt, personal_digest, hash, log_hash)
     SELECT * FROM moved ORDER BY log_position
     RETURNING log_position
   ), heads AS (
     INSERT INTO event_heads AS h (tenant_id, position, hash, log_position)
     SELECT * FROM unnest($8::text[], $9::bigint[], $10::bytea[], $11::bigint[])
     ON CONFLICT (tenant_id) DO UPDATE
       SET position = excluded.position, hash = excluded.hash, log_position = excluded.log_position
   ), state AS (
     UPDATE sealer_state
     SET log_position = $14, log_hash = $15, floor = $18::xid8, lease_until = clock_timestamp() + $13 * interval '1 ms'
     WHERE token = $12
   )
   SELECT count(*) AS sealed, pg_notify($16, $17), CASE WHEN $20::text <> '' THEN pg_notify($19, $20) END FROM sealed`,
);
