import { statement } from '../db/statement.ts';

/** The hours in which something happened: a range of the primary key. */
export const selectHours = statement(
  'usage_select_hours',
  `SELECT hour, requests, bytes_in, bytes_out, renders, render_cpu_ms, pixels, stored_bytes, stored_byte_ms
   FROM usage_hours WHERE tenant_id = $1 AND hour >= $2 AND hour < $3 ORDER BY hour`,
);

/** What was stored at the time $2: the months before, and the hours of its own month. */
export const selectOpening = statement(
  'usage_select_opening',
  `SELECT coalesce((SELECT sum(stored_bytes) FROM usage_months
       WHERE tenant_id = $1 AND month < date_trunc('month', $2::timestamptz, 'UTC')), 0)
     + coalesce((SELECT sum(stored_bytes) FROM usage_hours
       WHERE tenant_id = $1 AND hour >= date_trunc('month', $2::timestamptz, 'UTC') AND hour < $2), 0) AS bytes`,
);

/** The prices that held or hold, the oldest first. */
export const selectPrices = statement(
  'usage_select_prices',
  `SELECT CASE WHEN isfinite(from_hour) THEN from_hour END AS "from", prices
   FROM usage_prices WHERE tenant_id = $1 ORDER BY from_hour`,
);

export const selectNow = statement('usage_select_now', 'SELECT clock_timestamp() AS now');

/** Until when everything is metered: when the meter was last at the end of the log, or the time of its last event. */
export const selectMeteredUntil = statement(
  'usage_select_metered_until',
  'SELECT greatest(caught_up_at, events_until) AS until FROM usage_cursor',
);

/** By the primary key. */
export const selectFirstHour = statement(
  'usage_select_first_hour',
  'SELECT min(hour) AS hour FROM usage_hours WHERE tenant_id = $1',
);

/**
 * What a tenant will have stored when all that has been committed is metered: what is, and what waits in the log and
 * before it. One snapshot, so that nothing on its way from one to the other is missed or counted twice.
 */
export const selectStoredBytes = statement(
  'usage_select_stored_bytes',
  `SELECT coalesce((SELECT sum(stored_bytes) FROM usage_months WHERE tenant_id = $1), 0)
     + coalesce((SELECT sum((e.data ->> 'storedBytes')::numeric) FROM events e, usage_cursor c
         WHERE e.log_position > c.log_position AND e.tenant_id = $1), 0)
     + coalesce((SELECT sum((i.data ->> 'storedBytes')::numeric) FROM event_inbox i WHERE i.tenant_id = $1), 0) AS bytes`,
);
