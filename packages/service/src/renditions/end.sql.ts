import { hotStatement, statement } from '../db/statement.ts';
import { presetsColumn } from '../tenants/index.ts';
import { renditionColumns } from './model.ts';

/** Points the rows at the objects just stored; only what this job still owes is changed. */
export const markReady = hotStatement(
  'mark_renditions_ready',
  `UPDATE renditions r
   SET state = 'ready', job_id = NULL, ended_at = now(), object_key = u.object_key, sha256 = u.sha256,
       bytes = u.bytes, format = u.format, width = u.width, height = u.height, render_ms = u.render_ms,
       charges = r.charges + 1
   FROM unnest($3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::text[], $8::int[], $9::int[], $10::int[])
     AS u (rendition_id, object_key, sha256, bytes, format, width, height, render_ms)
   WHERE r.tenant_id = $1 AND r.job_id = $2 AND r.state = 'pending' AND r.rendition_id = u.rendition_id
   RETURNING ${renditionColumns('r')}, r.charges`,
);

export const markFailed = statement(
  'mark_renditions_failed',
  `UPDATE renditions r
   SET state = 'failed', job_id = NULL, ended_at = now(), cause_code = u.code, cause_message = u.message
   FROM unnest($3::text[], $4::text[], $5::text[]) AS u (rendition_id, code, message)
   WHERE r.tenant_id = $1 AND r.job_id = $2 AND r.state = 'pending' AND r.rendition_id = u.rendition_id
   RETURNING ${renditionColumns('r')}`,
);

/** What a dead job still owes fails with the job's cause, and stays the job's: it may be retried. */
export const markRestFailed = statement(
  'mark_rest_failed',
  `UPDATE renditions r
   SET state = 'failed', ended_at = now(), cause_code = $3, cause_message = $4
   WHERE r.tenant_id = $1 AND r.job_id = $2 AND r.state = 'pending'
   RETURNING ${renditionColumns('r')}`,
);

/** Live images of an original: each hears of what becomes of its renditions, by the names that its tenant has for them. */
export const selectImageIds = hotStatement(
  'select_image_ids_of_original',
  `SELECT image_id, ${presetsColumn('$1')} FROM images WHERE tenant_id = $1 AND original_id = $2 ORDER BY image_id`,
);

/** What a claimed job has to make, and of what. */
export const selectWork = hotStatement(
  'select_work',
  `SELECT r.rendition_id, r.transformation, o.object_key, o.bytes, o.facts,
     NOT EXISTS (SELECT FROM looks l WHERE l.tenant_id = o.tenant_id AND l.original_id = o.original_id) AS lacks_looks
   FROM renditions r JOIN originals o USING (tenant_id, original_id)
   WHERE r.tenant_id = $1 AND r.job_id = $2 AND r.state = 'pending' ORDER BY r.rendition_id`,
);

/** What a dead job owed becomes due again. */
export const resetFailed = statement(
  'reset_failed_renditions',
  `UPDATE renditions SET state = 'pending', ended_at = NULL, cause_code = NULL, cause_message = NULL
   WHERE tenant_id = $1 AND job_id = $2 AND state = 'failed'`,
);
