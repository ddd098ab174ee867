import { statement } from '../db/statement.ts';

/** What rows say of objects; by the unique indexes on object_key. $1 keys. */
export const selectDescriptions = statement(
  'describe_objects',
  `SELECT object_key AS "objectKey", sha256, bytes FROM originals WHERE object_key = ANY ($1)
   UNION ALL SELECT object_key, sha256, bytes FROM renditions WHERE object_key = ANY ($1)
   UNION ALL SELECT object_key, sha256, bytes FROM pyramids WHERE object_key = ANY ($1)`,
);

/** A page of originals in the order of the primary key. $1 tenant, $2 id after which it begins, $3 rows. */
export const selectOriginals = statement(
  'page_of_original_objects',
  `SELECT 'original' AS kind, tenant_id AS "tenantId", original_id AS id, original_id AS "originalId",
     object_key AS "objectKey", sha256, bytes
   FROM originals WHERE (tenant_id, original_id) > ($1, $2) ORDER BY tenant_id, original_id LIMIT $3`,
);

/** A page of ready renditions in the order of the primary key. $1 tenant, $2 id after which it begins, $3 rows. */
export const selectRenditions = statement(
  'page_of_rendition_objects',
  `SELECT 'rendition' AS kind, tenant_id AS "tenantId", rendition_id AS id, original_id AS "originalId",
     object_key AS "objectKey", sha256, bytes
   FROM renditions WHERE (tenant_id, rendition_id) > ($1, $2) AND state = 'ready'
   ORDER BY tenant_id, rendition_id LIMIT $3`,
);

/** A page of pyramids in the order of the primary key. $1 tenant, $2 id after which it begins, $3 rows. */
export const selectPyramids = statement(
  'page_of_pyramid_objects',
  `SELECT 'pyramid' AS kind, tenant_id AS "tenantId", original_id AS id, original_id AS "originalId",
     object_key AS "objectKey", sha256, bytes
   FROM pyramids WHERE (tenant_id, original_id) > ($1, $2) AND state = 'ready'
   ORDER BY tenant_id, original_id LIMIT $3`,
);
