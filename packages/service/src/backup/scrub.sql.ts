import { statement } from '../db/statement.ts';

/** The one row, as it stands; begins anew when the last walk came to its end, or $1. */
export const beginScrub = statement(
  'begin_scrub',
  `WITH was AS (SELECT part AS part_before FROM scrub_progress)
   UPDATE scrub_progress SET
     started_at = CASE WHEN $1 OR part IS NULL THEN clock_timestamp() ELSE started_at END,
     after_tenant = CASE WHEN $1 OR part IS NULL THEN '' ELSE after_tenant END,
     after_id = CASE WHEN $1 OR part IS NULL THEN '' ELSE after_id END,
     objects = CASE WHEN $1 OR part IS NULL THEN 0 ELSE objects END,
     bytes = CASE WHEN $1 OR part IS NULL THEN 0 ELSE bytes END,
     part = CASE WHEN $1 OR part IS NULL THEN 'originals' ELSE part END
   FROM was
   RETURNING part, after_tenant AS "tenantId", after_id AS id, objects, bytes, NOT $1 AND part_before IS NOT NULL AS resumed`,
);

/** After each page. $1 part, $2 tenant, $3 id, $4 objects, $5 bytes of that page. */
export const moveScrub = statement(
  'move_scrub',
  `UPDATE scrub_progress SET part = $1, after_tenant = $2, after_id = $3, objects = objects + $4, bytes = bytes + $5
   RETURNING objects, bytes`,
);

/** Ends the walk; what it did not find again is mended or gone. */
export const endScrub = statement(
  'end_scrub',
  `WITH stale AS (DELETE FROM object_damages d USING scrub_progress s WHERE d.found_at < s.started_at)
   UPDATE scrub_progress SET part = NULL`,
);

/** By primary key. */
export const keepDamage = statement(
  'keep_damage',
  `INSERT INTO object_damages (tenant_id, object_key, kind, damage, original_id, rendition_id)
   VALUES ($1, $2, $3, $4, $5, $6)
   ON CONFLICT (tenant_id, object_key) DO UPDATE SET damage = excluded.damage, found_at = clock_timestamp()`,
);

/** By primary key. */
export const dropDamage = statement(
  'drop_damage',
  'DELETE FROM object_damages WHERE tenant_id = $1 AND object_key = $2',
);

/** Damages of live rows alone, of which there are few; each looked up by the unique index on object_key. $1 rows. */
export const selectDamages = statement(
  'select_damages',
  `SELECT d.kind, d.damage, d.tenant_id AS "tenantId", coalesce(d.rendition_id, d.original_id) AS id,
     d.original_id AS "originalId", d.object_key AS "objectKey"
   FROM object_damages d
   WHERE EXISTS (SELECT FROM originals o WHERE o.object_key = d.object_key)
      OR EXISTS (SELECT FROM renditions r WHERE r.object_key = d.object_key)
      OR EXISTS (SELECT FROM pyramids p WHERE p.object_key = d.object_key)
   ORDER BY d.kind, d.tenant_id, d.object_key LIMIT $1`,
);

/** Whether the object of an original is known to be damaged; by unique index and primary key. */
export const findOriginalDamage = statement(
  'find_original_damage',
  `SELECT 1 FROM originals o JOIN object_damages d ON d.tenant_id = o.tenant_id AND d.object_key = o.object_key
   WHERE o.tenant_id = $1 AND o.original_id = $2`,
);
