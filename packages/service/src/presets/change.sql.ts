import { statement } from '../db/statement.ts';

/** Changes are rare: all by primary key, or a tenant's few rows, one change of a tenant after the other. */
export const lockPresets = statement(
  'presets_lock',
  `SELECT pg_advisory_xact_lock(hashtextextended('presets ' || $1, 0))`,
);

export const selectPreset = statement(
  'presets_select_standing',
  'SELECT version, transformation, on_upload FROM presets WHERE tenant_id = $1 AND name = $2',
);

export const countNames = statement('presets_count', 'SELECT count(*) AS presets FROM presets WHERE tenant_id = $1');

export const selectNewestFormer = statement(
  'presets_select_newest_former',
  `SELECT coalesce(max(version), 0) AS newest, count(*) AS count FROM former_presets
   WHERE tenant_id = $1 AND name = $2`,
);

export const insertFormer = statement(
  'presets_insert_former',
  'INSERT INTO former_presets (tenant_id, name, version, transformation) VALUES ($1, $2, $3, $4)',
);

/** By the primary key alone; some 0.1 s for a million. */
export const countOriginals = statement(
  'presets_count_originals',
  'SELECT count(*) AS originals FROM originals WHERE tenant_id = $1 AND original_id < $2',
);

/** With the pass over what is there at its beginning; one that is made on demand has none. */
export const upsertPreset = statement(
  'presets_upsert',
  `INSERT INTO presets (tenant_id, name, version, transformation, on_upload, up_to, total, finished_at, late_to)
   VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $5 THEN NULL ELSE now() END, CASE WHEN $5 THEN '' END)
   ON CONFLICT (tenant_id, name) DO UPDATE SET version = excluded.version, transformation = excluded.transformation,
     on_upload = excluded.on_upload, up_to = excluded.up_to, total = excluded.total, changed_at = excluded.changed_at,
     finished_at = excluded.finished_at, late_to = excluded.late_to, ordered_to = '', settled_to = '', done = 0,
     failed = 0, turn_at = excluded.turn_at`,
);

export const deletePreset = statement('presets_delete', 'DELETE FROM presets WHERE tenant_id = $1 AND name = $2');
