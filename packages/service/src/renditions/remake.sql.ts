import { statement } from '../db/statement.ts';

/** A ready rendition whose object is still this one, and what it was made of; by primary key. */
export const selectMade = statement(
  'select_made_rendition',
  `SELECT r.transformation, r.bytes, o.facts
   FROM renditions r JOIN originals o USING (tenant_id, original_id)
   WHERE r.tenant_id = $1 AND r.rendition_id = $2 AND r.object_key = $3 AND r.state = 'ready'`,
);

/** Makes it pending for a job; by primary key, the caller holds the original. */
export const markLost = statement(
  'mark_rendition_lost',
  `UPDATE renditions SET state = 'pending', job_id = $4, object_key = NULL, sha256 = NULL, bytes = NULL,
     format = NULL, width = NULL, height = NULL, render_ms = NULL, ended_at = NULL
   WHERE tenant_id = $1 AND rendition_id = $2 AND object_key = $3`,
);
