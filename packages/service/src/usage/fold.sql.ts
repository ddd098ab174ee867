import { hotStatement, statement } from '../db/statement.ts';

/** Adds to a row of an hour what a statement's input names besides its key. */
const ADD_TO_HOUR = `ON CONFLICT (tenant_id, hour) DO UPDATE SET
  requests = h.requests + excluded.requests, bytes_in = h.bytes_in + excluded.bytes_in,
  bytes_out = h.bytes_out + excluded.bytes_out, renders = h.renders + excluded.renders,
  render_cpu_ms = h.render_cpu_ms + excluded.render_cpu_ms, pixels = h.pixels + excluded.pixels,
  stored_bytes = h.stored_bytes + excluded.stored_bytes, stored_byte_ms = h.stored_byte_ms + excluded.stored_byte_ms`;

/**
 * What sealed events say of usage, as rows of `told`: any event may carry `charge` (work that is charged) and
 * `storedBytes` (bytes that came, or went). Sums of them do not depend on their order.
 */
export const TOLD_SUMS = `SELECT tenant_id, date_trunc('hour', at, 'UTC') AS hour,
     count(charge) FILTER (WHERE type = 'rendition.ready') AS renders,
     coalesce(sum((charge ->> 'cpuMs')::numeric), 0)::bigint AS render_cpu_ms,
     coalesce(sum((charge ->> 'pixels')::numeric), 0)::bigint AS pixels,
     coalesce(sum(stored), 0)::bigint AS stored_bytes,
     coalesce(sum(stored * extract(epoch FROM date_trunc('hour', at, 'UTC') + interval '1 hour' - at) * 1000), 0)
       AS stored_byte_ms
   FROM told GROUP BY tenant_id, date_trunc('hour', at, 'UTC')`;

/** Of an event's data. */
export const TOLD_COLUMNS = `e.tenant_id, e.at, e.type, e.data -> 'charge' AS charge,
     (e.data ->> 'storedBytes')::numeric AS stored`;

/**
 * Meters the next positions of the log, $1 at most, and moves the cursor, in one statement: what is counted is counted
 * once, whoever dies when. One folds at a time; who finds the cursor taken goes without. A range of the unique index
 * over positions. Answers which tenants it touched, and the reservations whose events are all behind the cursor now:
 * none of their transaction waits unsealed, and this snapshot's log ends where the cursor stands. Nothing in its input
 * changes the one way to run it, and planning took longer than running.
 */
export const foldEvents = hotStatement(
  'usage_fold_events',
  `WITH standing AS MATERIALIZED (
     SELECT log_position FROM usage_cursor FOR UPDATE SKIP LOCKED
   ), span AS MATERIALIZED (
     SELECT c.log_position AS after, s.log_position AS head, least(s.log_position, c.log_position + $1) AS up_to
     FROM standing c, sealer_state s
   ), told AS MATERIALIZED (
     SELECT ${TOLD_COLUMNS}
     FROM span JOIN events e ON e.log_position > span.after AND e.log_position <= span.up_to
     WHERE e.data ?| ARRAY['charge', 'storedBytes']
   ), sums AS MATERIALIZED (
     ${TOLD_SUMS}
   ), hours AS (
     INSERT INTO usage_hours AS h (tenant_id, hour, renders, render_cpu_ms, pixels, stored_bytes, stored_byte_ms)
     SELECT tenant_id, hour, renders, render_cpu_ms, pixels, stored_bytes, stored_byte_ms FROM sums
     ORDER BY tenant_id, hour
     ${ADD_TO_HOUR}
   ), months AS (
     INSERT INTO usage_months AS m (tenant_id, month, stored_bytes)
     SELECT tenant_id, date_trunc('month', hour, 'UTC'), sum(stored_bytes)::bigint FROM sums
     GROUP BY tenant_id, date_trunc('month', hour, 'UTC') HAVING sum(stored_bytes) <> 0
     ORDER BY tenant_id, date_trunc('month', hour, 'UTC')
     ON CONFLICT (tenant_id, month) DO UPDATE SET stored_bytes = m.stored_bytes + excluded.stored_bytes
   ), moved AS (
     UPDATE usage_cursor u SET log_position = greatest(u.log_position, span.up_to),
       events_until = greatest(u.events_until, (SELECT max(at) FROM told)),
       caught_up_at = CASE WHEN span.up_to = span.head THEN statement_timestamp() ELSE u.caught_up_at END
     FROM span WHERE span.up_to > u.log_position OR u.caught_up_at < statement_timestamp() - interval '30 s'
   )
   SELECT span.after, span.up_to AS "upTo", span.head, ARRAY(SELECT DISTINCT tenant_id FROM sums) AS tenants,
     CASE WHEN span.up_to = span.head AND span.up_to >= span.after THEN ARRAY(
       SELECT r.release_id FROM budget_releases r
       WHERE NOT EXISTS (SELECT FROM event_inbox i WHERE i.xid = r.xid) ORDER BY r.release_id LIMIT 10000
     ) ELSE ARRAY[]::bigint[] END AS releases
   FROM span`,
);

/** Lets reservations go whose cost is metered. $1 their ids. */
export const applyReleases = hotStatement(
  'usage_apply_releases',
  `WITH gone AS (
     DELETE FROM budget_releases WHERE release_id = ANY ($1::bigint[]) RETURNING tenant_id, micros
   ), sums AS (
     SELECT tenant_id, sum(micros)::bigint AS micros FROM gone GROUP BY tenant_id
   )
   UPDATE budgets b SET reserved_micros = greatest(0, b.reserved_micros - s.micros)
   FROM sums s WHERE b.tenant_id = s.tenant_id RETURNING b.tenant_id`,
);

/**
 * Writes down, for every tenant, which prices hold from the next full hour on, where they differ from those written
 * last; a tenant that has none written is charged by its first from the beginning. Once a minute and not before: it
 * walks all tenants. Forgets the runs of nodes that have handed in nothing for a day as well.
 */
export const writePrices = statement(
  'usage_write_prices',
  `WITH due AS (
     UPDATE usage_cursor SET priced_at = statement_timestamp()
     WHERE $1 OR priced_at < statement_timestamp() - interval '1 minute' OR priced_at > statement_timestamp() + interval '1 minute'
     RETURNING one
   ), ended AS (
     DELETE FROM usage_flushes USING due WHERE flushed_at < statement_timestamp() - interval '1 day'
   )
   INSERT INTO usage_prices (tenant_id, from_hour, plan, version, prices)
   SELECT t.tenant_id, CASE WHEN last.plan IS NULL THEN '-infinity'::timestamptz
       ELSE date_trunc('hour', statement_timestamp(), 'UTC') + interval '1 hour' END, p.plan, p.version, p.prices
   FROM due CROSS JOIN tenants t JOIN plans p ON p.plan = t.plan
   LEFT JOIN LATERAL (
     SELECT u.plan, u.version FROM usage_prices u WHERE u.tenant_id = t.tenant_id ORDER BY u.from_hour DESC LIMIT 1
   ) last ON true
   WHERE (last.plan, last.version) IS DISTINCT FROM (p.plan, p.version)
   ON CONFLICT (tenant_id, from_hour)
     DO UPDATE SET plan = excluded.plan, version = excluded.version, prices = excluded.prices`,
);

/**
 * Adds one batch of a node's counts, if it is the next of its run: to the node's own record, and to the hour. By the
 * database's time. $1 boot, $2 sequence, $3-$6 tenants with requests, bytes in and out, side by side.
 */
export const addNodeCounts = hotStatement(
  'usage_add_node_counts',
  `WITH flush AS (
     INSERT INTO usage_flushes AS f (boot_id, sequence) VALUES ($1, $2)
     ON CONFLICT (boot_id) DO UPDATE SET sequence = excluded.sequence, flushed_at = clock_timestamp()
       WHERE f.sequence < excluded.sequence
     RETURNING boot_id
   ), counted AS MATERIALIZED (
     SELECT u.*, date_trunc('hour', statement_timestamp(), 'UTC') AS hour, flush.boot_id
     FROM flush, unnest($3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
       AS u (tenant_id, requests, bytes_in, bytes_out)
   ), recorded AS (
     INSERT INTO usage_node_hours AS h (tenant_id, hour, boot_id, requests, bytes_in, bytes_out)
     SELECT tenant_id, hour, boot_id, requests, bytes_in, bytes_out FROM counted ORDER BY tenant_id
     ON CONFLICT (tenant_id, hour, boot_id) DO UPDATE SET requests = h.requests + excluded.requests,
       bytes_in = h.bytes_in + excluded.bytes_in, bytes_out = h.bytes_out + excluded.bytes_out
   )
   INSERT INTO usage_hours AS h (tenant_id, hour, requests, bytes_in, bytes_out)
   SELECT tenant_id, hour, requests, bytes_in, bytes_out FROM counted ORDER BY tenant_id
   ${ADD_TO_HOUR}`,
);
