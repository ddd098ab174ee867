import { statement } from '../db/statement.ts';

/** Images that have renditions with this one laid over, each as often as it has such, $3 of them at most. */
export const selectMarked = statement(
  'select_marked_images',
  `SELECT i.image_id FROM renditions r JOIN images i USING (tenant_id, original_id)
   WHERE r.tenant_id = $1 AND r.mark_image_id = $2 LIMIT $3`,
);

/** Drops renditions that show an image, $3 of them at most; what somebody else drops meanwhile is left to him. */
export const dropMarked = statement(
  'drop_marked_renditions',
  `DELETE FROM renditions WHERE (tenant_id, rendition_id) IN (
     SELECT tenant_id, rendition_id FROM renditions
     WHERE tenant_id = $1 AND mark_image_id = $2 AND state = 'ready'
     LIMIT $3 FOR UPDATE SKIP LOCKED
   ) RETURNING object_key, bytes`,
);

/**
 * The same for all images that are gone and not in the trash, over all tenants: the images that are laid over others at all are few, and are
 * found by stepping along the index from each to the next.
 */
export const dropLeftMarked = statement(
  'drop_left_marked_renditions',
  `WITH RECURSIVE marks AS (
     (SELECT tenant_id, mark_image_id FROM renditions WHERE mark_image_id IS NOT NULL
      ORDER BY tenant_id, mark_image_id LIMIT 1)
     UNION ALL
     SELECT next.tenant_id, next.mark_image_id FROM marks m CROSS JOIN LATERAL (
       SELECT r.tenant_id, r.mark_image_id FROM renditions r
       WHERE r.mark_image_id IS NOT NULL AND (r.tenant_id, r.mark_image_id) > (m.tenant_id, m.mark_image_id)
       ORDER BY r.tenant_id, r.mark_image_id LIMIT 1
     ) next
   )
   DELETE FROM renditions WHERE (tenant_id, rendition_id) IN (
     SELECT r.tenant_id, r.rendition_id FROM marks m
     JOIN images i ON i.tenant_id = m.tenant_id AND i.image_id = m.mark_image_id AND i.deleted_at IS NOT NULL
       AND i.trashed_original_id IS NULL
     JOIN renditions r ON r.tenant_id = m.tenant_id AND r.mark_image_id = m.mark_image_id AND r.state = 'ready'
     LIMIT $1 FOR UPDATE OF r SKIP LOCKED
   ) RETURNING tenant_id, object_key, bytes`,
);
