import { statement } from '../db/statement.ts';

/** Whoever looks finds a deleted image; that it can come back stands beside. $3 days. */
export const trashImageStatement = statement(
  'trash_image',
  `UPDATE images SET deleted_at = now(), original_id = NULL, trashed_original_id = original_id,
     erase_at = now() + $3 * interval '1 day'
   WHERE tenant_id = $1 AND image_id = $2 RETURNING deleted_at, erase_at`,
);

export const restoreImageStatement = statement(
  'restore_image',
  `UPDATE images SET deleted_at = NULL, original_id = trashed_original_id, trashed_original_id = NULL, erase_at = NULL
   WHERE tenant_id = $1 AND image_id = $2`,
);

export const selectFacts = statement(
  'select_facts_of_original',
  'SELECT facts FROM originals WHERE tenant_id = $1 AND original_id = $2',
);

/** Images whose time in the trash is over, of all tenants that are not being deleted; by images_to_erase. $1 at most. */
export const selectDue = statement(
  'select_images_to_erase',
  `SELECT i.tenant_id AS "tenantId", i.image_id AS "imageId" FROM images i JOIN tenants t USING (tenant_id)
   WHERE i.erase_at <= clock_timestamp() AND t.status IN ('active', 'suspended') ORDER BY i.erase_at LIMIT $1`,
);
