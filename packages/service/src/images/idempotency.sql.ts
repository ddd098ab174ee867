import { hotStatement, statement } from '../db/statement.ts';

/**
 * Takes the key, or takes it over from an attempt whose lease has expired (or lies absurdly far ahead: a clock was set
 * back) and from an answer older than 24 hours. Answers a row only to the taker.
 */
export const takeKey = hotStatement(
  'take_idempotency_key',
  `INSERT INTO idempotency_keys AS k (tenant_id, idempotency_key, state, lease_until)
   VALUES ($1, $2, 'running', now() + make_interval(secs => $3))
   ON CONFLICT (tenant_id, idempotency_key) DO UPDATE
     SET state = 'running', token = k.token + 1, lease_until = EXCLUDED.lease_until, fingerprint = NULL, answer = NULL,
         created_at = now()
     WHERE (k.state = 'running' AND (k.lease_until < now() OR k.lease_until > now() + make_interval(secs => 2 * $3)))
        OR (k.state = 'finished' AND k.created_at < now() - interval '24 hours')
   RETURNING k.token`,
);

export const renewKey = statement(
  'renew_idempotency_key',
  `UPDATE idempotency_keys SET lease_until = now() + make_interval(secs => $4)
   WHERE tenant_id = $1 AND idempotency_key = $2 AND state = 'running' AND token = $3`,
);

export const selectKeyState = statement(
  'select_idempotency_key',
  `SELECT state, fingerprint, answer, extract(epoch FROM lease_until - now())::float8 AS lease_seconds
   FROM idempotency_keys WHERE tenant_id = $1 AND idempotency_key = $2`,
);

export const finishKey = hotStatement(
  'finish_idempotency_key',
  `UPDATE idempotency_keys SET state = 'finished', fingerprint = $4, answer = $5
   WHERE tenant_id = $1 AND idempotency_key = $2 AND state = 'running' AND token = $3 RETURNING token`,
);

/** Only the answer to the attempt that finished the key. */
export const amendAnswer = hotStatement(
  'amend_idempotency_answer',
  `UPDATE idempotency_keys SET answer = $4
   WHERE tenant_id = $1 AND idempotency_key = $2 AND state = 'finished' AND token = $3`,
);

/**
 * Takes away what an answer told of an image, and the digest of its bytes; by idempotency_keys_by_image. The key stays
 * taken: a late repeat must not send the image again.
 */
export const blankAnswersOf = statement(
  'blank_idempotency_answers',
  `UPDATE idempotency_keys SET answer = '{"erased": true}', fingerprint = '\\x00'
   WHERE tenant_id = $1 AND answer ->> 'id' = $2 RETURNING 1`,
);

export const releaseKey = statement(
  'release_idempotency_key',
  `DELETE FROM idempotency_keys WHERE tenant_id = $1 AND idempotency_key = $2 AND state = 'running' AND token = $3`,
);

export const deleteOldKeys = statement(
  'delete_old_idempotency_keys',
  `DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours' AND lease_until < now()`,
);
