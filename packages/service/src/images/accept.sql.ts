import { hotStatement } from '../db/statement.ts';
import { looksColumns } from '../renditions/index.ts';

/**
 * Writes the image and its tags in one round trip; the tags' foreign key is checked at the statement's end. Answers what
 * an original that stood already looks like; no row when the tenant is not active, whatever the request was told before.
 */
export const insertImage = hotStatement(
  'insert_image',
  `WITH image AS (
     INSERT INTO images (tenant_id, image_id, original_id, filename, private, created_at)
     SELECT $1, $2, $3, $4, $6, coalesce($7, now()) FROM tenants WHERE tenant_id = $1 AND status = 'active' RETURNING created_at
   ), tags AS (
     INSERT INTO image_tags (tenant_id, image_id, tag) SELECT $1, $2, unnest($5::text[]) FROM image
   )
   SELECT image.created_at, ${looksColumns('l')}
   FROM image LEFT JOIN looks l ON l.tenant_id = $1 AND l.original_id = $3`,
);
