// The log is followed over all tenants by one cursor; what it hands to webhooks lies in a table, because receivers keep
// their own time.
import { hotStatement, statement } from '../db/statement.ts';

/**
 * Whether the log has gone on in a way that matters: a look, so that an installation without webhooks writes nothing
 * each time that something happens. $1 positions that may gather while nobody wants to be told.
 */
export const LOOK_FOR_NEWS = hotStatement(
  'webhooks_look_for_news',
  `SELECT w.is_wanted, s.log_position > c.log_position
     AND (w.is_wanted OR s.log_position - c.log_position > $1) AS is_due
   FROM sealer_state s, webhook_cursor c, (SELECT EXISTS (SELECT FROM webhooks WHERE state = 'enabled') AS is_wanted) w`,
);

/**
 * Queues what the next $1 positions of the log tell, and moves the cursor, in one statement: each event is queued for
 * each webhook once. A range of the unique index over log positions. No row while another node does it.
 */
export const QUEUE_EVENTS = statement(
  'webhooks_queue_events',
  `WITH held AS (
     SELECT log_position FROM webhook_cursor FOR UPDATE SKIP LOCKED
   ), span AS (
     SELECT held.log_position AS after, s.log_position AS head,
       CASE WHEN EXISTS (SELECT FROM webhooks WHERE state = 'enabled')
         THEN least(s.log_position, held.log_position + $1) ELSE s.log_position END AS up_to
     FROM held, sealer_state s
   ), queued AS (
     INSERT INTO webhook_deliveries (tenant_id, webhook_id, event_id, position, type)
     SELECT e.tenant_id, w.webhook_id, e.event_id, e.position, e.type
     FROM span JOIN events e ON e.log_position > span.after AND e.log_position <= span.up_to
     JOIN webhooks w ON w.tenant_id = e.tenant_id AND w.state = 'enabled' AND w.created_at <= e.at
       AND CASE WHEN e.type = 'webhook.tested' THEN e.subject = w.webhook_id
           ELSE w.event_types IS NULL OR e.type = ANY (w.event_types) END
     ON CONFLICT DO NOTHING RETURNING 1
   ), moved AS (
     UPDATE webhook_cursor c SET log_position = span.up_to FROM span WHERE span.up_to > span.after
   )
   SELECT (SELECT count(*) FROM queued) AS queued, span.up_to < span.head AS is_more FROM span`,
);

/**
 * Takes webhooks that have something due, those first that were served the longest ago: a crowd of messages for one
 * does not keep the others waiting. $1 holder, $2 lease in ms, $3 webhooks at most.
 */
export const CLAIM_WEBHOOKS = statement(
  'webhooks_claim',
  `UPDATE webhooks SET holder = $1, lease_until = clock_timestamp() + $2 * interval '1 ms'
   FROM (
     SELECT w.tenant_id, w.webhook_id FROM webhooks w
     WHERE w.state = 'enabled'
       AND (w.lease_until < clock_timestamp() OR w.lease_until > clock_timestamp() + 2 * $2 * interval '1 ms')
       AND (w.rests_until < clock_timestamp() OR w.rests_until > clock_timestamp() + interval '1 day')
       AND EXISTS (SELECT FROM webhook_deliveries d WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id
         AND d.state = 'pending' AND d.next_at < clock_timestamp())
     ORDER BY w.lease_until LIMIT $3 FOR UPDATE SKIP LOCKED
   ) due
   WHERE webhooks.tenant_id = due.tenant_id AND webhooks.webhook_id = due.webhook_id
   RETURNING webhooks.tenant_id, webhooks.webhook_id, url, secret,
     CASE WHEN previous_until > clock_timestamp() THEN previous_secret END AS previous_secret`,
);

/** In how many milliseconds the next webhook can be claimed; null when nothing waits. One probe for each webhook. */
export const LOOK_FOR_DUE = statement(
  'webhooks_look_for_due',
  `SELECT (extract(epoch FROM min(greatest(w.lease_until, w.rests_until, d.next_at)) - clock_timestamp()) * 1000)::float8
     AS due_ms
   FROM webhooks w CROSS JOIN LATERAL (
     SELECT next_at FROM webhook_deliveries d WHERE d.tenant_id = w.tenant_id AND d.webhook_id = w.webhook_id
       AND d.state = 'pending' ORDER BY next_at LIMIT 1
   ) d WHERE w.state = 'enabled'`,
);

/** $1 holder, $2 lease in ms, $3 webhooks. */
export const RENEW_WEBHOOKS = statement(
  'webhooks_renew',
  `UPDATE webhooks SET lease_until = clock_timestamp() + $2 * interval '1 ms'
   WHERE holder = $1 AND webhook_id = ANY ($3)`,
);

/** The lease's end is also when it was served last. $1 holder, $2 webhooks. */
export const RELEASE_WEBHOOKS = statement(
  'webhooks_release',
  `UPDATE webhooks SET holder = NULL, lease_until = clock_timestamp() WHERE holder = $1 AND webhook_id = ANY ($2)`,
);

/** What is due for a webhook, as the log has it; a range of webhook_deliveries_due. $1 tenant, $2 webhook, $3 at most. */
export const READ_DUE = statement(
  'webhooks_read_due',
  `SELECT d.event_id, d.position, d.type, d.attempts, e.subject, e.image_id, e.at, e.data
   FROM (
     SELECT * FROM webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending'
       AND next_at < clock_timestamp() ORDER BY next_at, position LIMIT $3
   ) d JOIN events e ON e.tenant_id = d.tenant_id AND e.position = d.position
   ORDER BY d.next_at, d.position`,
);

/** $1 tenant, $2 webhook, $3 event, $4 status, $5 ms. */
export const SETTLE_DELIVERED = statement(
  'webhooks_settle_delivered',
  `WITH delivered AS (
     UPDATE webhook_deliveries SET state = 'delivered', attempts = attempts + 1, status = $4, error = NULL, took_ms = $5,
       attempted_at = clock_timestamp()
     WHERE tenant_id = $1 AND webhook_id = $2 AND event_id = $3
   )
   UPDATE webhooks SET failing_since = NULL, failures = 0, rests_until = '-infinity'
   WHERE tenant_id = $1 AND webhook_id = $2 AND failures > 0`,
);

/**
 * One attempt more has failed: the message waits for the next, or is given up when there is none. Of two nodes that
 * tried the same attempt one counts. $1 tenant, $2 webhook, $3 event, $4 attempts before this one, $5 status, $6 error,
 * $7 ms, $8 ms until the next attempt or null, $9 ms that the receiver asked to be left alone for; else the webhook rests
 * for 1, 2, 4 … 300 s.
 */
export const SETTLE_FAILED = statement(
  'webhooks_settle_failed',
  `WITH failed AS (
     UPDATE webhook_deliveries SET state = CASE WHEN $8::float8 IS NULL THEN 'failed' ELSE 'pending' END,
       attempts = attempts + 1, status = $5, error = $6, took_ms = $7, attempted_at = clock_timestamp(),
       next_at = clock_timestamp() + coalesce($8::float8, 0) * interval '1 ms'
     WHERE tenant_id = $1 AND webhook_id = $2 AND event_id = $3 AND state = 'pending' AND attempts = $4 RETURNING 1
   )
   UPDATE webhooks SET failing_since = coalesce(failing_since, clock_timestamp()), failures = failures + 1,
     rests_until = clock_timestamp()
       + greatest(least(300, power(2, least(failures, 16))), $9::float8 / 1000) * interval '1 s'
   WHERE tenant_id = $1 AND webhook_id = $2 AND EXISTS (SELECT FROM failed)
   RETURNING failures, extract(epoch FROM clock_timestamp() - failing_since) / 3600 AS failing_hours`,
);

/** What waits for a webhook that is no longer told. $1 tenant, $2 webhook. */
export const GIVE_UP_PENDING = statement(
  'webhooks_give_up_pending',
  `UPDATE webhook_deliveries SET state = 'failed', error = coalesce(error, 'the webhook was disabled')
   WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'pending'`,
);

/** $1 tenant, $2 webhook, $3 cause. */
export const DISABLE = statement(
  'webhooks_disable',
  `UPDATE webhooks SET state = 'disabled', disabled_cause = $3
   WHERE tenant_id = $1 AND webhook_id = $2 AND state = 'enabled' RETURNING 1`,
);

/** The log of deliveries is kept for a month. $1 days, $2 rows at most. */
export const FORGET_DELIVERIES = statement(
  'webhooks_forget_deliveries',
  `DELETE FROM webhook_deliveries d USING (
     SELECT tenant_id, webhook_id, event_id FROM webhook_deliveries
     WHERE state <> 'pending' AND created_at < now() - $1 * interval '1 day' ORDER BY created_at LIMIT $2
   ) old
   WHERE d.tenant_id = old.tenant_id AND d.webhook_id = old.webhook_id AND d.event_id = old.event_id RETURNING 1`,
);
