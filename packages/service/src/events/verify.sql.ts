import { statement } from '../db/statement.ts';

/** How far the log goes, and how far the sealer says it does, in one snapshot. */
export const READ_LOG_BOUNDS = statement(
  'verify_log_bounds',
  `SELECT coalesce((SELECT max(log_position) FROM events), 0) AS last,
     coalesce((SELECT log_position FROM sealer_state), 0) AS sealed`,
);

/**
 * How far each tenant's log goes, and how far its head says it does, in one snapshot; also tenants of whom only a head
 * or a checkpoint is left. Hops from tenant to tenant on the primary keys. $1 one tenant, or null for all.
 */
export const READ_TENANT_BOUNDS = statement(
  'verify_tenant_bounds',
  `WITH RECURSIVE logged AS (
     (SELECT tenant_id FROM events ORDER BY tenant_id LIMIT 1)
     UNION ALL
     SELECT (SELECT e.tenant_id FROM events e WHERE e.tenant_id > l.tenant_id ORDER BY e.tenant_id LIMIT 1)
     FROM logged l WHERE l.tenant_id IS NOT NULL
   ), signed AS (
     (SELECT tenant_id FROM event_checkpoints ORDER BY tenant_id LIMIT 1)
     UNION ALL
     SELECT (SELECT c.tenant_id FROM event_checkpoints c WHERE c.tenant_id > s.tenant_id ORDER BY c.tenant_id LIMIT 1)
     FROM signed s WHERE s.tenant_id IS NOT NULL
   )
   SELECT k.tenant_id,
     coalesce((SELECT max(e.position) FROM events e WHERE e.tenant_id = k.tenant_id), 0) AS last,
     coalesce((SELECT h.position FROM event_heads h WHERE h.tenant_id = k.tenant_id), 0) AS head,
     coalesce((SELECT max(c.position) FROM event_checkpoints c WHERE c.tenant_id = k.tenant_id), 0) AS signed
   FROM (SELECT tenant_id FROM logged UNION SELECT tenant_id FROM signed UNION SELECT tenant_id FROM event_heads) k
   WHERE k.tenant_id IS NOT NULL AND ($1::text IS NULL OR k.tenant_id = $1)
   ORDER BY k.tenant_id`,
);

/** A page of a tenant's chain; a range of the primary key. $1 tenant, $2 after, $3 up to, $4 rows at most. */
export const READ_CHAIN_PAGE = statement(
  'verify_chain_page',
  `SELECT position, event_id, type, subject, image_id, actor, (extract(epoch FROM at) * 1000000)::bigint AS at_us,
     data::text AS data_text, personal::text AS personal_text, salt, personal_digest, hash
   FROM events WHERE tenant_id = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4`,
);

/** A page of a tenant's checkpoints beside what they vouch for; $1-$4 as above. */
export const READ_CHECKPOINT_PAGE = statement(
  'verify_checkpoint_page',
  `SELECT c.position, c.hash, c.log_position, c.at, c.key_id, c.signature,
     e.hash AS event_hash, e.log_position AS event_log_position
   FROM event_checkpoints c LEFT JOIN events e ON e.tenant_id = c.tenant_id AND e.position = c.position
   WHERE c.tenant_id = $1 AND c.position > $2 AND c.position <= $3 ORDER BY c.position LIMIT $4`,
);

/** A page of the chain over all tenants; a range of the unique index. $1 after, $2 up to, $3 rows at most. */
export const READ_LOG_PAGE = statement(
  'verify_log_page',
  `SELECT log_position, tenant_id, position, hash, log_hash
   FROM events WHERE log_position > $1 AND log_position <= $2 ORDER BY log_position LIMIT $3`,
);

/** The links of several tenants at given positions ($1, $2 side by side); by primary key. */
export const READ_LINKS = statement(
  'verify_links',
  `SELECT e.tenant_id, e.position, e.hash
   FROM unnest($1::text[], $2::bigint[]) AS h (tenant_id, position)
   JOIN events e ON e.tenant_id = h.tenant_id AND e.position = h.position`,
);
