import { statement } from '../db/statement.ts';

/** The originals of images that are laid over others. Run as the tenant, so that no row of another one is ever seen. */
export const selectMarks = statement(
  'select_marks',
  `SELECT i.image_id, o.object_key, o.facts
   FROM images i JOIN originals o USING (tenant_id, original_id)
   WHERE i.tenant_id = $1 AND i.image_id = ANY ($2::text[])`,
);
