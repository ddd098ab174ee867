// Readers never lock: pages are ranges of an index, and what they show has its final place.
import { statement } from '../db/statement.ts';

const FIELDS = `e.tenant_id, e.position, e.event_id, e.type, e.subject, e.image_id, e.actor, e.at, e.data, e.personal`;

/** One page of a tenant's events; a range of the primary key. $1 tenant, $2 after, $3 up to, $4 events at most. */
export const READ_TENANT_EVENTS = statement(
  'events_read_tenant',
  `SELECT ${FIELDS} FROM events e
   WHERE e.tenant_id = $1 AND e.position > $2 AND e.position <= $3 ORDER BY e.position LIMIT $4`,
);

/** One page of an image's events; a range of events_by_image. $1 tenant, $2 after, $3 up to, $4 at most, $5 image. */
export const READ_IMAGE_EVENTS = statement(
  'events_read_image',
  `SELECT ${FIELDS} FROM events e
   WHERE e.tenant_id = $1 AND e.image_id = $5 AND e.position > $2 AND e.position <= $3 ORDER BY e.position LIMIT $4`,
);

/**
 * What is new for several tenants at once, however many follow them: one short range of the primary key per tenant.
 * $1 tenants and $2 positions side by side, $3 events at most per tenant.
 */
export const READ_TAILS = statement(
  'events_read_tails',
  `SELECT ${FIELDS} FROM unnest($1::text[], $2::bigint[]) AS tail (tenant_id, position)
   CROSS JOIN LATERAL (
     SELECT * FROM events WHERE events.tenant_id = tail.tenant_id AND events.position > tail.position
     ORDER BY events.position LIMIT $3
   ) e
   ORDER BY e.tenant_id, e.position`,
);

/** Which of the tenants $1 have news after the positions $2; by primary key of the heads. */
export const FIND_MOVED_TAILS = statement(
  'events_find_moved_tails',
  `SELECT h.tenant_id FROM unnest($1::text[], $2::bigint[]) AS tail (tenant_id, position)
   JOIN event_heads h ON h.tenant_id = tail.tenant_id AND h.position > tail.position`,
);

/** How far a tenant's log goes; by primary key. */
export const READ_HEAD = statement('events_read_head', 'SELECT position FROM event_heads WHERE tenant_id = $1');
