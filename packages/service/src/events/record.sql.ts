import { hotStatement } from '../db/statement.ts';

/**
 * One statement for any number of events: the arrays are read side by side. Transaction id, order and time come from
 * the table's defaults, which no caller may choose.
 */
export const INSERT_EVENTS = hotStatement(
  'event_insert',
  `INSERT INTO event_inbox (tenant_id, event_id, type, subject, image_id, actor, data, personal, salt)
   SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::bytea[])`,
);
