/** Erasures by primary key, or in the order in which they are due by erasures_to_sign. A few in a second at most: not hot. */
import { statement } from '../db/statement.ts';

const COLUMNS = `tenant_id AS "tenantId", erasure_id AS "erasureId", scope, image_id AS "imageId", state, actor,
  requested_at AS "requestedAt", object_keys AS "objectKeys", removed`;

export const insertErasure = statement(
  'insert_erasure',
  `INSERT INTO erasures (tenant_id, erasure_id, scope, image_id, state, actor, object_keys, removed)
   VALUES ($1, $2, 'image', $3, 'removed', $4, $5, $6)`,
);

/** The one erasure of a whole tenant; made when there is none. */
export const insertTenantErasure = statement(
  'insert_tenant_erasure',
  `INSERT INTO erasures (tenant_id, erasure_id, scope, state, actor) VALUES ($1, $2, 'tenant', 'running', $3)
   ON CONFLICT (tenant_id) WHERE scope = 'tenant' DO NOTHING`,
);

/** Counts what was removed: rows of a table ($2 `rows`) or objects of a kind ($2 `objects`), by name $3. */
export const addRows = statement(
  'add_erased_rows',
  `UPDATE erasures SET removed = jsonb_set(
     removed || jsonb_build_object('rows', coalesce(removed -> 'rows', '{}')), ARRAY['rows', $2::text],
     to_jsonb(coalesce((removed -> 'rows' ->> $2)::bigint, 0) + $3::bigint))
   WHERE tenant_id = $1 AND scope = 'tenant' AND state = 'running'`,
);

export const addObjects = statement(
  'add_erased_objects',
  `UPDATE erasures SET removed = jsonb_set(
     removed || jsonb_build_object('objects', coalesce(removed -> 'objects', '{}')), ARRAY['objects', $2::text],
     jsonb_build_object(
       'objects', coalesce((removed -> 'objects' -> $2 ->> 'objects')::bigint, 0) + $3::bigint,
       'bytes', coalesce((removed -> 'objects' -> $2 ->> 'bytes')::bigint, 0) + $4::bigint))
   WHERE tenant_id = $1 AND scope = 'tenant' AND state = 'running'`,
);

export const endTenantErasure = statement(
  'end_tenant_erasure',
  `UPDATE erasures SET state = 'removed', next_at = clock_timestamp()
   WHERE tenant_id = $1 AND scope = 'tenant' AND state = 'running'`,
);

/**
 * Erasures without a receipt that are due, each to one reader; it is due again after $2 ms, whether that one has died or
 * could not finish. By erasures_to_sign. $1 at most.
 */
export const takeUnsigned = statement(
  'take_unsigned_erasures',
  `UPDATE erasures SET next_at = clock_timestamp() + $2 * interval '1 ms'
   WHERE (tenant_id, erasure_id) IN (
     SELECT tenant_id, erasure_id FROM erasures WHERE state = 'removed' AND next_at <= clock_timestamp()
     ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
   RETURNING ${COLUMNS}`,
);

export const postpone = statement(
  'postpone_erasure',
  `UPDATE erasures SET next_at = clock_timestamp() + $3 * interval '1 ms' WHERE tenant_id = $1 AND erasure_id = $2`,
);

export const signErasure = statement(
  'sign_erasure',
  `UPDATE erasures SET state = 'signed', receipt = $3, key_id = $4, signature = $5
   WHERE tenant_id = $1 AND erasure_id = $2 AND state = 'removed'`,
);

/** Newest first, by primary key. $2 older than this id, $3 at most. */
export const selectErasures = statement(
  'select_erasures',
  `SELECT ${COLUMNS} FROM erasures WHERE tenant_id = $1 AND ($2::text IS NULL OR erasure_id < $2)
   ORDER BY erasure_id DESC LIMIT $3`,
);

export const selectErasure = statement(
  'select_erasure',
  `SELECT ${COLUMNS}, receipt, key_id AS "keyId", signature FROM erasures WHERE tenant_id = $1 AND erasure_id = $2`,
);

/** Whether the event that tells of the end is sealed: then all before it are. */
export const isToldStatement = statement(
  'is_erasure_told',
  `SELECT CASE WHEN $2::text IS NULL
     THEN EXISTS (SELECT FROM events WHERE tenant_id = $1 AND type = 'tenant.deleted')
     ELSE EXISTS (SELECT FROM events WHERE tenant_id = $1 AND image_id = $2 AND type = 'image.deleted')
   END AS told`,
);

/** Events of an image that lost their personal fields; by events_by_image. */
export const selectErasedPositions = statement(
  'select_erased_positions',
  `SELECT position FROM events
   WHERE tenant_id = $1 AND image_id = $2 AND personal_digest IS NOT NULL AND personal IS NULL ORDER BY position`,
);
