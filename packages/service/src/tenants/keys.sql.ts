// By the unique index over a secret's digest, or by the primary key within the tenant; a list is a backward scan of that.
import { hotStatement, statement } from '../db/statement.ts';

const COLUMNS = `key_id, name, scopes, created_at, created_by, expires_at, revoked_at, last_used_at, previous_until,
  CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN expires_at <= now() THEN 'expired' ELSE 'live' END AS state`;
const IS_LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())';

/** Of a tenant that makes several at once the second counts the first one's. $1 tenant. */
export const HOLD_KEYS = statement('hold_keys', `SELECT pg_advisory_xact_lock(hashtextextended('keys ' || $1, 0))`);

/** By the primary key's beginning: a tenant has a thousand at most. $1 tenant. */
export const COUNT_LIVE_KEYS = statement(
  'count_live_keys',
  `SELECT count(*) AS count FROM keys WHERE tenant_id = $1 AND ${IS_LIVE}`,
);

/** No row when it would have expired already. $7 a time, or $8 seconds from now by the database's clock, or neither. */
export const INSERT_KEY = statement(
  'insert_key',
  `INSERT INTO keys (tenant_id, key_id, sha256, scopes, name, created_by, expires_at)
   SELECT $1, $2, $3, $4, $5, $6, e.expires_at
   FROM (SELECT coalesce($7::timestamptz, now() + $8::double precision * interval '1 second') AS expires_at) e
   WHERE e.expires_at IS NULL OR e.expires_at > now()
   RETURNING expires_at`,
);

/** By the unique indexes over both digests; comes before a tenant is known, so as the system. $1 digest. */
export const SELECT_KEY_BY_SECRET = hotStatement(
  'select_key',
  `SELECT tenant_id, key_id, scopes FROM keys WHERE sha256 = $1 AND ${IS_LIVE}
   UNION ALL
   SELECT tenant_id, key_id, scopes FROM keys WHERE previous_sha256 = $1 AND previous_until > now() AND ${IS_LIVE}`,
);

/** $1 tenant, $2 key. */
export const SELECT_KEY = statement(
  'select_one_key',
  `SELECT ${COLUMNS} FROM keys WHERE tenant_id = $1 AND key_id = $2`,
);

/** A page, newest first: a backward scan of the primary key, since ids sort by time. $1 tenant, $2 after, $3 limit. */
export const SELECT_KEYS = statement(
  'select_keys',
  `SELECT ${COLUMNS} FROM keys WHERE tenant_id = $1 AND ($2::text IS NULL OR key_id < $2)
   ORDER BY key_id DESC LIMIT $3`,
);

/** The secret of now becomes the one before; without overlap it opens nothing any more. $4 overlap in seconds. */
export const ROTATE_KEY = statement(
  'rotate_key',
  `UPDATE keys SET sha256 = $3,
     previous_sha256 = CASE WHEN $4::double precision > 0 THEN sha256 END,
     previous_until = CASE WHEN $4::double precision > 0 THEN now() + $4::double precision * interval '1 second' END
   WHERE tenant_id = $1 AND key_id = $2 AND ${IS_LIVE}
   RETURNING ${COLUMNS}`,
);

/** $1 tenant, $2 key. */
export const REVOKE_KEY = statement(
  'revoke_key',
  `UPDATE keys SET revoked_at = now() WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL RETURNING ${COLUMNS}`,
);

/** Another node may have written the same minute. $1 tenants, $2 keys, $3 seconds between two writes. */
export const TOUCH_KEYS = statement(
  'touch_keys',
  `UPDATE keys k SET last_used_at = now()
   FROM unnest($1::text[], $2::text[]) AS used (tenant_id, key_id)
   WHERE k.tenant_id = used.tenant_id AND k.key_id = used.key_id
     AND (k.last_used_at IS NULL OR k.last_used_at < now() - $3::double precision * interval '1 second')`,
);

/** $1 tenant, $2 key, $3 scopes. */
export const WIDEN_KEY = statement(
  'widen_key',
  'UPDATE keys SET scopes = $3 WHERE tenant_id = $1 AND key_id = $2 AND NOT scopes @> $3',
);

/** $1 days. The table has as many rows as all tenants have keys; once in a while. */
export const SWEEP_KEYS = statement(
  'sweep_keys',
  `DELETE FROM keys WHERE coalesce(revoked_at, expires_at) < now() - $1::double precision * interval '1 day'`,
);
