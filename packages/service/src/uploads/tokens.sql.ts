/** Upload tokens: found by the unique index over their digests, and spent by their primary key, one row lock for each image. */
import { statement } from '../db/statement.ts';

/** $10 seconds from now. */
export const INSERT_TOKEN = statement(
  'insert_upload_token',
  `INSERT INTO upload_tokens (tenant_id, token_id, sha256, bytes_max, images_max, formats, tags, origin, created_by, private, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $11, now() + make_interval(secs => $10)) RETURNING expires_at`,
);

/** By the unique index over digests; comes before a tenant is known, so as the system. $1 digest. */
export const SELECT_TOKEN = statement(
  'select_upload_token',
  `SELECT tenant_id, token_id, bytes_max, images_max, images, formats, tags, origin, private
   FROM upload_tokens WHERE sha256 = $1 AND expires_at > now()`,
);

/** No row when all its images were sent. */
export const SPEND_TOKEN = statement(
  'spend_upload_token',
  `UPDATE upload_tokens SET images = images + 1
   WHERE tenant_id = $1 AND token_id = $2 AND images < images_max AND expires_at > now() RETURNING images`,
);

export const SWEEP_TOKENS = statement(
  'sweep_upload_tokens',
  `DELETE FROM upload_tokens WHERE expires_at < now() - interval '1 day'`,
);
