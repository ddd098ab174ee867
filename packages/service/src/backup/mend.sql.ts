import { statement } from '../db/statement.ts';

/** Points an original at another object, unless it points elsewhere by now; by primary key, the caller holds the row. */
export const moveOriginal = statement(
  'move_original',
  `UPDATE originals SET object_key = $4 WHERE tenant_id = $1 AND original_id = $2 AND object_key = $3
   RETURNING original_id`,
);

/** The live images of an original, by images_by_original. */
export const selectImagesOf = statement(
  'select_images_of_damaged',
  'SELECT image_id FROM images WHERE tenant_id = $1 AND original_id = $2',
);
