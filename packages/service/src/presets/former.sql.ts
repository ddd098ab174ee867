import { statement } from '../db/statement.ts';

/**
 * What nobody is shown any more: superseded long ago, or with as many behind it that are newer; and whose successor is
 * made of all pictures. Few rows in all. $1 days, $2 newer ones of the name.
 */
export const selectExpired = statement(
  'presets_select_expired_former',
  `SELECT f.tenant_id AS "tenantId", f.name, f.version, f.transformation FROM former_presets f
   WHERE (f.superseded_at < now() - $1 * interval '1 day' OR (
       SELECT count(*) FROM former_presets n
       WHERE n.tenant_id = f.tenant_id AND n.name = f.name AND n.version > f.version) >= $2)
     AND NOT EXISTS (
       SELECT FROM presets p WHERE p.tenant_id = f.tenant_id AND p.name = f.name AND p.finished_at IS NULL)
   ORDER BY f.tenant_id, f.name, f.version LIMIT 100`,
);

/** One node at a time sweeps it; by primary key. */
export const lockFormer = statement(
  'presets_lock_former',
  `SELECT swept_to AS "sweptTo" FROM former_presets WHERE tenant_id = $1 AND name = $2 AND version = $3
   FOR UPDATE SKIP LOCKED`,
);

/** The end of the next stretch of originals, by primary key; null: there are no more. */
export const selectStretch = statement(
  'presets_select_stretch',
  `SELECT max(original_id) AS "upTo" FROM (
     SELECT original_id FROM originals WHERE tenant_id = $1 AND original_id > $2 ORDER BY original_id LIMIT $3
   ) AS stretch`,
);

/** By the unique index of renditions within the stretch; what is still being made stays. */
export const dropFormer = statement(
  'presets_drop_former_renditions',
  `DELETE FROM renditions WHERE (tenant_id, rendition_id) IN (
     SELECT tenant_id, rendition_id FROM renditions
     WHERE tenant_id = $1 AND original_id > $2 AND original_id <= $3 AND digest = $4 AND state <> 'pending'
       AND job_id IS NULL
     FOR UPDATE SKIP LOCKED
   ) RETURNING bytes`,
);

export const moveFormer = statement(
  'presets_move_former',
  'UPDATE former_presets SET swept_to = $4 WHERE tenant_id = $1 AND name = $2 AND version = $3',
);

export const deleteFormer = statement(
  'presets_delete_former',
  'DELETE FROM former_presets WHERE tenant_id = $1 AND name = $2 AND version = $3',
);
