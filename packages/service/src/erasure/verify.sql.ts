import { statement } from '../db/statement.ts';

/** What the database still says of an image that was erased; nothing as a rule, or its bare tombstone. */
export const selectLeftOfImage = statement(
  'select_left_of_image',
  `SELECT 'the image' AS what FROM images
    WHERE tenant_id = $1 AND image_id = $2
      AND (original_id IS NOT NULL OR trashed_original_id IS NOT NULL OR filename IS NOT NULL OR deleted_at IS NULL)
   UNION ALL SELECT 'the tag ' || tag FROM image_tags WHERE tenant_id = $1 AND image_id = $2
   UNION ALL SELECT 'the upload ' || upload_id FROM uploads WHERE tenant_id = $1 AND image_id = $2
   UNION ALL SELECT 'the answer of an Idempotency-Key' FROM idempotency_keys
    WHERE tenant_id = $1 AND answer ->> 'id' = $2
   UNION ALL SELECT 'the rendition ' || rendition_id || ' of another, which shows it' FROM renditions
    WHERE tenant_id = $1 AND mark_image_id = $2 AND state = 'ready'
   UNION ALL SELECT 'personal fields of the event at position ' || position FROM events
    WHERE tenant_id = $1 AND personal IS NOT NULL
      AND (image_id = $2 AND type <> 'image.deleted' OR position = ANY ($3::bigint[]))
   UNION ALL SELECT 'personal fields of an event that is not sealed' FROM event_inbox
    WHERE tenant_id = $1 AND image_id = $2 AND type <> 'image.deleted' AND personal IS NOT NULL`,
);

/** Rows that name an object which was removed. */
export const selectNaming = statement(
  'select_rows_naming_objects',
  `SELECT k.key, n.what FROM unnest($1::text[]) AS k (key), LATERAL (
     SELECT 'the original ' || original_id AS what FROM originals WHERE object_key = k.key
     UNION ALL SELECT 'the rendition ' || rendition_id FROM renditions WHERE object_key = k.key
     UNION ALL SELECT 'the pyramid of ' || original_id FROM pyramids WHERE object_key = k.key
     UNION ALL SELECT 'the upload ' || upload_id FROM uploads WHERE object_key = k.key
     UNION ALL SELECT 'a part of the upload ' || upload_id FROM upload_parts WHERE object_key = k.key
   ) AS n`,
);

export const selectLeftOfTenant = statement(
  'select_left_of_tenant',
  `SELECT 'its name for people' AS what FROM tenants WHERE tenant_id = $1 AND display_name IS NOT NULL
   UNION ALL SELECT 'the tenant is ' || status FROM tenants WHERE tenant_id = $1 AND status <> 'deleted'
   UNION ALL SELECT 'personal fields of events' WHERE EXISTS
     (SELECT FROM events WHERE tenant_id = $1 AND personal IS NOT NULL)
   UNION ALL SELECT 'personal fields of an event that is not sealed' WHERE EXISTS
     (SELECT FROM event_inbox WHERE tenant_id = $1 AND personal IS NOT NULL)`,
);
