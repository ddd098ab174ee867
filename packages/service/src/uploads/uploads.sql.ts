/**
 * Uploads and their parts, each found by its whole primary key. Whoever changes an upload names the token of its lease in
 * the same statement: a former holder finds no row. Not hot: a few statements for each request of megabytes.
 */
import { statement } from '../db/statement.ts';

const COLUMNS = `tenant_id, upload_id, kind, state, token_id, bytes, received, sha256, filename, tags, private, metadata, object_key,
  image_id, problem, expires_at, expires_at <= now() AS is_expired`;

/** By an index over open ones alone; a tenant has a thousand at most. $1 tenant. */
export const COUNT_OPEN = statement(
  'count_open_uploads',
  `SELECT count(*) AS count FROM uploads WHERE tenant_id = $1 AND state = 'open' AND expires_at > now()`,
);

/** Of a tenant that opens several at once the second counts the first one's. $1 tenant. */
export const HOLD_OPENING = statement(
  'hold_uploads_opening',
  `SELECT pg_advisory_xact_lock(hashtextextended('uploads ' || $1, 0))`,
);

/** Born held, so that the request which opens it may write at once. $11 seconds of its life, $12 of the lease or 0. */
export const INSERT_UPLOAD = statement(
  'insert_upload',
  `INSERT INTO uploads (tenant_id, upload_id, kind, token_id, bytes, sha256, filename, tags, metadata, object_key,
     private, expires_at, lease_token, lease_until)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $13, now() + make_interval(secs => $11), 1, now() + make_interval(secs => $12))
   RETURNING ${COLUMNS}`,
);

/** $1 tenant, $2 upload. */
export const SELECT_UPLOAD = statement(
  'select_upload',
  `SELECT ${COLUMNS} FROM uploads WHERE tenant_id = $1 AND upload_id = $2`,
);

/** Free, expired, or so far ahead that a clock was set back since. $3 seconds. */
export const TAKE_LEASE = statement(
  'take_upload_lease',
  `UPDATE uploads SET lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $3), lease_wanted = false
   WHERE tenant_id = $1 AND upload_id = $2
     AND (lease_until IS NULL OR lease_until < now() OR lease_until > now() + make_interval(secs => 2 * $3))
   RETURNING lease_token`,
);

/** Tells the holder that somebody waits; answers a row if there is such an upload. */
export const WANT_LEASE = statement(
  'want_upload_lease',
  'UPDATE uploads SET lease_wanted = true WHERE tenant_id = $1 AND upload_id = $2 RETURNING upload_id',
);

/** $3 token, $4 seconds. */
export const RENEW_LEASE = statement(
  'renew_upload_lease',
  `UPDATE uploads SET lease_until = now() + make_interval(secs => $4)
   WHERE tenant_id = $1 AND upload_id = $2 AND lease_token = $3 RETURNING lease_wanted`,
);

/** $3 token. */
export const RELEASE_LEASE = statement(
  'release_upload_lease',
  'UPDATE uploads SET lease_until = NULL, lease_wanted = false WHERE tenant_id = $1 AND upload_id = $2 AND lease_token = $3',
);

/** Only right behind what is there, and only by the holder. $3 token, $4 first byte, $5 bytes. */
export const ADVANCE_UPLOAD = statement(
  'advance_upload',
  `UPDATE uploads SET received = received + $5
   WHERE tenant_id = $1 AND upload_id = $2 AND lease_token = $3 AND received = $4 AND state = 'open'
     AND expires_at > now()
   RETURNING upload_id`,
);

/** $3 first byte, $4 bytes, $5 object. */
export const INSERT_PART = statement(
  'insert_upload_part',
  'INSERT INTO upload_parts (tenant_id, upload_id, first, bytes, object_key) VALUES ($1, $2, $3, $4, $5)',
);

export const COUNT_PARTS = statement(
  'count_upload_parts',
  'SELECT count(*) AS count FROM upload_parts WHERE tenant_id = $1 AND upload_id = $2',
);

export const SELECT_PARTS = statement(
  'select_upload_parts',
  'SELECT object_key, bytes FROM upload_parts WHERE tenant_id = $1 AND upload_id = $2 ORDER BY first',
);

/** $3 token, $4 image. */
export const FINISH_UPLOAD = statement(
  'finish_upload',
  `UPDATE uploads SET state = 'finished', received = bytes, image_id = $4
   WHERE tenant_id = $1 AND upload_id = $2 AND lease_token = $3 AND state = 'open' AND expires_at > now()
   RETURNING upload_id`,
);

/** $3 token, $4 problem. */
export const REFUSE_UPLOAD = statement(
  'refuse_upload',
  `UPDATE uploads SET state = 'refused', problem = $4
   WHERE tenant_id = $1 AND upload_id = $2 AND lease_token = $3 AND state = 'open' RETURNING upload_id`,
);

export const DELETE_PARTS = statement(
  'delete_upload_parts',
  'DELETE FROM upload_parts WHERE tenant_id = $1 AND upload_id = $2 RETURNING object_key',
);

/** $3 token. */
export const DELETE_UPLOAD = statement(
  'delete_upload',
  'DELETE FROM uploads WHERE tenant_id = $1 AND upload_id = $2 AND lease_token = $3 RETURNING object_key',
);

/** By the index over ends. Those that a request holds wait for the next sweep; what it writes fails by then. $1 rows. */
export const SELECT_ENDED = statement(
  'select_ended_uploads',
  `SELECT tenant_id, upload_id FROM uploads
   WHERE expires_at <= now() AND (lease_until IS NULL OR lease_until < now())
   ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED`,
);

/** $1 tenants, $2 uploads. */
export const SELECT_STAGED = statement(
  'select_staged_objects',
  `SELECT p.object_key FROM unnest($1::text[], $2::text[]) AS e (tenant_id, upload_id)
   JOIN upload_parts p ON p.tenant_id = e.tenant_id AND p.upload_id = e.upload_id
   UNION ALL
   SELECT u.object_key FROM unnest($1::text[], $2::text[]) AS e (tenant_id, upload_id)
   JOIN uploads u ON u.tenant_id = e.tenant_id AND u.upload_id = e.upload_id WHERE u.object_key IS NOT NULL`,
);

/** Their parts go with them. $1 tenants, $2 uploads. */
export const DELETE_ENDED = statement(
  'delete_ended_uploads',
  `DELETE FROM uploads u USING unnest($1::text[], $2::text[]) AS e (tenant_id, upload_id)
   WHERE u.tenant_id = e.tenant_id AND u.upload_id = e.upload_id`,
);

/** By uploads_by_image. */
export const DELETE_PARTS_OF_IMAGE = statement(
  'uploads_delete_parts_of_image',
  `DELETE FROM upload_parts WHERE tenant_id = $1 AND upload_id IN
     (SELECT upload_id FROM uploads WHERE tenant_id = $1 AND image_id = $2) RETURNING object_key`,
);

export const DELETE_UPLOADS_OF_IMAGE = statement(
  'uploads_delete_of_image',
  'DELETE FROM uploads WHERE tenant_id = $1 AND image_id = $2 RETURNING object_key',
);
