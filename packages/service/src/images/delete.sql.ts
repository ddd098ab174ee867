import { statement } from '../db/statement.ts';

/** The image under its lock, so that it is deleted once. */
export const lockImage = statement(
  'lock_image',
  'SELECT original_id, deleted_at FROM images WHERE tenant_id = $1 AND image_id = $2 FOR UPDATE',
);

/** Turns the image into a tombstone: no name, no original, no tags. */
export const buryImage = statement(
  'bury_image',
  `WITH tags AS (DELETE FROM image_tags WHERE tenant_id = $1 AND image_id = $2)
   UPDATE images SET deleted_at = now(), original_id = NULL, filename = NULL
   WHERE tenant_id = $1 AND image_id = $2 RETURNING deleted_at`,
);

export const countImagesOf = statement(
  'count_images_of_original',
  'SELECT count(*) AS images FROM images WHERE tenant_id = $1 AND original_id = $2',
);

/** Drops the renditions of an original; those that were made name objects to remove after the commit. */
export const deleteRenditions = statement(
  'delete_renditions',
  'DELETE FROM renditions WHERE tenant_id = $1 AND original_id = $2 RETURNING object_key',
);
