import { statement } from '../db/statement.ts';
import { TOLD_COLUMNS, TOLD_SUMS } from './fold.sql.ts';

/**
 * Counts everything again from the raw records (the sealed log as far as it is metered, what nodes counted, what was
 * corrected) and answers every hour that the meter has otherwise. Reads the whole log of $1, or of all when it is null.
 */
export const compareHours = statement(
  'usage_compare_hours',
  `WITH told AS (
     SELECT ${TOLD_COLUMNS} FROM usage_cursor c
     JOIN events e ON e.log_position > c.first_position AND e.log_position <= c.log_position
     WHERE ($1::text IS NULL OR e.tenant_id = $1) AND e.data ?| ARRAY['charge', 'storedBytes']
     UNION ALL
     SELECT tenant_id, at, '', NULL, stored_bytes FROM usage_corrections WHERE $1::text IS NULL OR tenant_id = $1
   ), sums AS (
     ${TOLD_SUMS}
   ), counted AS (
     SELECT tenant_id, hour, sum(requests)::bigint AS requests, sum(bytes_in)::bigint AS bytes_in,
       sum(bytes_out)::bigint AS bytes_out
     FROM usage_node_hours WHERE $1::text IS NULL OR tenant_id = $1 GROUP BY tenant_id, hour
   ), recounted AS (
     SELECT tenant_id, hour, coalesce(c.requests, 0) AS requests, coalesce(c.bytes_in, 0) AS bytes_in,
       coalesce(c.bytes_out, 0) AS bytes_out, coalesce(s.renders, 0) AS renders,
       coalesce(s.render_cpu_ms, 0) AS render_cpu_ms, coalesce(s.pixels, 0) AS pixels,
       coalesce(s.stored_bytes, 0) AS stored_bytes, coalesce(s.stored_byte_ms, 0) AS stored_byte_ms
     FROM sums s FULL JOIN counted c USING (tenant_id, hour)
   ), metered AS (
     SELECT * FROM usage_hours WHERE $1::text IS NULL OR tenant_id = $1
   )
   SELECT tenant_id AS "tenantId", hour, difference.meter, difference.metered::float8 AS metered,
     difference.recounted::float8 AS recounted
   FROM metered m FULL JOIN recounted r USING (tenant_id, hour)
   CROSS JOIN LATERAL (VALUES
     ('requests', m.requests::numeric, r.requests::numeric), ('bytesIn', m.bytes_in, r.bytes_in),
     ('bytesOut', m.bytes_out, r.bytes_out), ('renders', m.renders, r.renders),
     ('renderCpuMs', m.render_cpu_ms, r.render_cpu_ms), ('pixels', m.pixels, r.pixels),
     ('storedBytes', m.stored_bytes, r.stored_bytes), ('storedByteMs', m.stored_byte_ms, r.stored_byte_ms)
   ) AS difference (meter, metered, recounted)
   WHERE coalesce(difference.metered, 0) <> coalesce(difference.recounted, 0)
   ORDER BY tenant_id, hour, difference.meter LIMIT $2`,
);

/** Where the bytes that stand in the tables are not those that the meter holds for stored. Reads the tables whole. */
export const compareStored = statement(
  'usage_compare_stored',
  `WITH stored AS (
     SELECT tenant_id, sum(bytes) AS bytes FROM (
       SELECT tenant_id, bytes FROM originals
       UNION ALL SELECT tenant_id, bytes FROM renditions WHERE bytes IS NOT NULL
       UNION ALL SELECT tenant_id, bytes FROM pyramids WHERE bytes IS NOT NULL
     ) AS objects WHERE $1::text IS NULL OR tenant_id = $1 GROUP BY tenant_id
   ), metered AS (
     SELECT tenant_id, sum(stored_bytes) AS bytes FROM usage_months WHERE $1::text IS NULL OR tenant_id = $1
     GROUP BY tenant_id
   )
   SELECT tenant_id AS "tenantId", coalesce(m.bytes, 0)::float8 AS metered, coalesce(s.bytes, 0)::float8 AS recounted
   FROM metered m FULL JOIN stored s USING (tenant_id)
   WHERE coalesce(m.bytes, 0) <> coalesce(s.bytes, 0) ORDER BY tenant_id LIMIT $2`,
);

/** Whether the meter is at the end of the log and nothing waits to be sealed. */
export const selectIsMetered = statement(
  'usage_select_is_metered',
  `SELECT c.log_position = s.log_position AND NOT EXISTS (SELECT FROM event_inbox) AS "isMetered"
   FROM usage_cursor c, sealer_state s`,
);
