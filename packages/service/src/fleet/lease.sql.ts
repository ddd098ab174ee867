import { statement } from '../db/statement.ts';

/**
 * Takes the role when nobody holds it, when its lease is over or its holder is the one that asks (it was restarted, or
 * an answer was lost), or when it ends further ahead than two lease lengths: then the database's clock was set back.
 * Concurrent takers queue at the row and all but the first find it taken. $1 name, $2 holder, $3 lease length in ms.
 */
export const ACQUIRE_LEASE = statement(
  'role_lease_acquire',
  `INSERT INTO role_leases AS l (name, holder, token, lease_until)
   VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 ms')
   ON CONFLICT (name) DO UPDATE
     SET holder = excluded.holder, token = l.token + 1, lease_until = clock_timestamp() + $3 * interval '1 ms'
     WHERE l.holder IS NULL OR l.holder = excluded.holder
        OR l.lease_until < clock_timestamp()
        OR l.lease_until > clock_timestamp() + 2 * $3 * interval '1 ms'
   RETURNING token`,
);

/** Answers no row when the lease has passed to another. $1 name, $2 holder, $3 token, $4 lease length in ms. */
export const RENEW_LEASE = statement(
  'role_lease_renew',
  `UPDATE role_leases SET lease_until = clock_timestamp() + $4 * interval '1 ms'
   WHERE name = $1 AND holder = $2 AND token = $3 RETURNING token`,
);

/** $1 name, $2 holder, $3 token. */
export const RELEASE_LEASE = statement(
  'role_lease_release',
  `UPDATE role_leases SET holder = NULL WHERE name = $1 AND holder = $2 AND token = $3`,
);

/**
 * The fence: locks the row for the rest of the transaction, so that the lease cannot pass to another before the commit,
 * and answers no row when it has passed already. A process that freezes here keeps the lock for at most $4 ms; then the
 * server ends its session. $1 name, $2 holder, $3 token.
 */
export const FENCE_LEASE = statement(
  'role_lease_fence',
  `SELECT set_config('idle_in_transaction_session_timeout', $4, true) FROM role_leases
   WHERE name = $1 AND holder = $2 AND token = $3 FOR UPDATE`,
);
