import { hotStatement } from '../db/statement.ts';

/** Which of the renditions waited for have ended, or are gone with their image. One query for all waiters of a node. */
export const selectEnded = hotStatement(
  'select_ended_renditions',
  `SELECT w.rendition_id FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS w (tenant_id, rendition_id)
   WHERE NOT EXISTS (
     SELECT FROM renditions r
     WHERE r.tenant_id = w.tenant_id AND r.rendition_id = w.rendition_id AND r.state = 'pending')`,
);
