/** Changes of one image, under the lock of its row; all by its primary key, and its tags by theirs. */
import { statement } from '../db/statement.ts';

/** A live image under its lock. */
export const lockLiveImage = statement(
  'lock_live_image',
  `SELECT private, deleted_at IS NOT NULL AS is_gone FROM images WHERE tenant_id = $1 AND image_id = $2 FOR UPDATE`,
);

export const setVisibility = statement(
  'set_visibility',
  'UPDATE images SET private = $3 WHERE tenant_id = $1 AND image_id = $2',
);

/** Its tags are $3 and no others. */
export const replaceTags = statement(
  'replace_tags',
  `WITH gone AS (DELETE FROM image_tags WHERE tenant_id = $1 AND image_id = $2 AND tag <> ALL ($3::text[]))
   INSERT INTO image_tags (tenant_id, image_id, tag) SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING`,
);
