import { hotStatement } from '../db/statement.ts';
import { renditionColumns } from './model.ts';

/** What stands of the renditions asked for, by the unique index; the caller holds the original, so none can come in between. */
export const selectStanding = hotStatement(
  'select_standing_renditions',
  `SELECT ${renditionColumns('r')} FROM renditions r
   WHERE r.tenant_id = $1 AND r.original_id = $2 AND r.digest = ANY ((SELECT $3::bytea[])::bytea[])`,
);

/** Writes the renditions that lack, pending for the job. */
export const insertRenditions = hotStatement(
  'insert_renditions',
  `INSERT INTO renditions (tenant_id, original_id, job_id, rendition_id, transformation, digest)
   SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::bytea[])`,
);
