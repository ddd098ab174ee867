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

/** The same of a whole tenant. $1 tenant. */
export const ERASE_TENANT_IN_INBOX = statement(
  'event_erase_tenant_inbox',
  'UPDATE event_inbox SET personal = NULL, salt = NULL WHERE tenant_id = $1 AND personal IS NOT NULL RETURNING 1',
);

/** A stretch of the primary key, so that one statement stays short however long the log is. $2 after, $3 up to. */
export const ERASE_TENANT_IN_LOG = statement(
  'event_erase_tenant_log',
  `WITH erased AS (
     UPDATE events SET personal = NULL, salt = NULL
     WHERE tenant_id = $1 AND position > $2 AND position <= $3 AND personal IS NOT NULL RETURNING 1
   ) SELECT (SELECT count(*) FROM erased) AS erased,
     coalesce((SELECT position FROM event_heads WHERE tenant_id = $1), 0) AS head`,
);
