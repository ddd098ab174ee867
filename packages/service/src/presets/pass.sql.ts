import { statement } from '../db/statement.ts';

/**
 * Whose pass goes on, longest waiting first, by a partial index that holds unfinished ones alone; a second look is due
 * when no node can act on what stood before any more. $1 seconds until then.
 */
export const selectDue = statement(
  'presets_select_due',
  `SELECT p.tenant_id AS "tenantId", p.name FROM presets p JOIN tenants t USING (tenant_id)
   WHERE (p.finished_at IS NULL OR p.late_to IS NOT NULL) AND p.turn_at <= now() AND t.status = 'active'
     AND (p.finished_at IS NULL OR p.changed_at < now() - $1 * interval '1 s')
   ORDER BY p.turn_at LIMIT 100`,
);

/** One node at a time goes on with a pass; by primary key. */
export const lockPass = statement(
  'presets_lock_pass',
  `SELECT * FROM presets
   WHERE tenant_id = $1 AND name = $2 AND turn_at <= now() AND (finished_at IS NULL OR late_to IS NOT NULL)
   FOR NO KEY UPDATE SKIP LOCKED`,
);

/** The next originals, all locked before anything is ordered: so nobody waits for two in another order. */
export const lockNext = statement(
  'presets_lock_next_originals',
  `SELECT original_id, facts FROM originals
   WHERE tenant_id = $1 AND original_id > $2 AND original_id < $3
   ORDER BY original_id LIMIT $4 FOR NO KEY UPDATE`,
);

/** Of those the ones of which nobody has ordered it. */
export const lockLate = statement(
  'presets_lock_late_originals',
  `SELECT original_id, facts FROM originals o
   WHERE tenant_id = $1 AND original_id > $2 AND original_id < $3 AND NOT EXISTS (
     SELECT FROM renditions r WHERE r.tenant_id = o.tenant_id AND r.original_id = o.original_id AND r.digest = $5
   ) ORDER BY original_id LIMIT $4 FOR NO KEY UPDATE`,
);

/** How far it has come, in the transaction that ordered and counted; by primary key. */
export const movePass = statement(
  'presets_move_pass',
  `UPDATE presets SET ordered_to = $3, settled_to = $4, done = done + $5, failed = failed + $6, turn_at = now(),
     finished_at = CASE WHEN $7 THEN now() END, total = CASE WHEN $7 THEN done + $5 + failed + $6 ELSE total END
   WHERE tenant_id = $1 AND name = $2`,
);

export const moveLate = statement(
  'presets_move_late',
  'UPDATE presets SET late_to = $3, turn_at = now() WHERE tenant_id = $1 AND name = $2',
);

/** By primary key. $3 seconds. */
export const restPass = statement(
  'presets_rest_pass',
  `UPDATE presets SET turn_at = now() + $3 * interval '1 s' WHERE tenant_id = $1 AND name = $2`,
);
