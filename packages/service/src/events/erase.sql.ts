import { statement } from '../db/statement.ts';

/** What is not sealed yet; by (tenant, event) in a table of a few rows. $1 tenant, $2 image. */
export const ERASE_IN_INBOX = statement(
  'event_erase_inbox',
  `UPDATE event_inbox SET personal = NULL, salt = NULL
   WHERE tenant_id = $1 AND image_id = $2 AND personal IS NOT NULL`,
);

/** What is sealed; by events_by_image. $1 tenant, $2 image. */
export const ERASE_IN_LOG = statement(
  'event_erase_log',
  `UPDATE events SET personal = NULL, salt = NULL
   WHERE tenant_id = $1 AND image_id = $2 AND personal IS NOT NULL`,
);
