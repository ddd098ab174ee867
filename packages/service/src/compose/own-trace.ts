import type { Config } from '../config.ts';
import { type Arrival, type Trace, traceOf } from '../fleet/index.ts';
import { withDatabase } from './tools.ts';

/**
 * Jobs of the last `$1` seconds, out of the sealed events: what was made of an image at its upload arrived with it, in
 * the lane `normal`; anything else arrived about when it was begun, in `live`.
 */
const OWN_ARRIVALS = `
  WITH made AS (
    -- Each image of the same original is told of its renditions; they were made once.
    SELECT DISTINCT ON (tenant_id, data->>'renditionId')
      tenant_id, image_id, at, (data->>'renderMs')::float8 / 1000 AS work, data ? 'preset' AS is_preset
    FROM events
    WHERE type = 'rendition.ready' AND image_id IS NOT NULL AND at > clock_timestamp() - $1 * interval '1 second'
    ORDER BY tenant_id, data->>'renditionId', position
  ), placed AS (
    SELECT m.*, (
      SELECT max(a.at) FROM events a
      WHERE a.tenant_id = m.tenant_id AND a.image_id = m.image_id AND a.type = 'image.accepted'
        AND m.is_preset AND a.at <= m.at AND m.at - a.at < interval '1 hour'
    ) AS accepted_at
    FROM made m
  )
  SELECT tenant_id AS tenant, 'normal' AS lane, extract(epoch FROM accepted_at)::float8 AS "atSeconds",
    greatest(sum(work), 0.001)::float8 AS "workSeconds"
  FROM placed WHERE accepted_at IS NOT NULL GROUP BY tenant_id, image_id, accepted_at
  UNION ALL
  SELECT tenant_id, 'live', extract(epoch FROM at)::float8 - work, greatest(work, 0.001)
  FROM placed WHERE accepted_at IS NULL
  LIMIT $2`;

/** What this installation had to do in the last `seconds`, as a trace for the simulator; empty when that is nothing. */
export function readOwnTrace(config: Config, seconds: number, jobsMax: number): Promise<Trace> {
  return withDatabase(config, async (database) => {
    const arrivals = await database.query<Arrival>(OWN_ARRIVALS, [seconds, jobsMax]);
    const startSeconds = arrivals.reduce(
      (least, { atSeconds }) => Math.min(least, atSeconds),
      Number.POSITIVE_INFINITY,
    );
    return traceOf('own', arrivals, startSeconds);
  });
}
