import { statement } from '../db/statement.ts';

/** The image under its lock, so that it is deleted once. */
export const lockImage = statement(
  'lock_image',
  `SELECT original_id, trashed_original_id, deleted_at, erase_at, erase_at <= clock_timestamp() AS is_due
   FROM images WHERE tenant_id = $1 AND image_id = $2 FOR UPDATE`,
);

/** Turns the image into a tombstone: no name, no original, no tags. One that comes out of the trash was deleted then. */
export const buryImage = statement(
  'bury_image',
  `WITH tags AS (DELETE FROM image_tags WHERE tenant_id = $1 AND image_id = $2)
   UPDATE images SET deleted_at = coalesce(deleted_at, now()), original_id = NULL, filename = NULL,
     trashed_original_id = NULL, erase_at = NULL
   WHERE tenant_id = $1 AND image_id = $2 RETURNING deleted_at`,
);

/** Images of an original that are delivered, and those in the trash. */
export const countImagesOf = statement(
  'count_images_of_original',
  `SELECT (SELECT count(*) FROM images WHERE tenant_id = $1 AND original_id = $2) AS images,
     (SELECT count(*) FROM images WHERE tenant_id = $1 AND trashed_original_id = $2) AS trashed`,
);

/** Drops the renditions of an original; those that were made name objects to remove after the commit. */
export const deleteRenditions = statement(
  'delete_renditions',
  'DELETE FROM renditions WHERE tenant_id = $1 AND original_id = $2 RETURNING object_key, bytes',
);
