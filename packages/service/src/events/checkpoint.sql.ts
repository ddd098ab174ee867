import { hotStatement, statement } from '../db/statement.ts';

/** A new sealer asks once for what its predecessor left unsigned; one scan of the heads. $1 tenants at most. */
export const FIND_UNSIGNED_TENANTS = statement(
  'event_heads_unsigned',
  'SELECT tenant_id FROM event_heads WHERE position > signed_position LIMIT $1',
);

/** The heads of the tenants $1 that moved since they were signed; by primary key. */
export const READ_UNSIGNED_HEADS = hotStatement(
  'event_heads_read_unsigned',
  `SELECT tenant_id, position, hash, log_position FROM event_heads
   WHERE tenant_id = ANY ($1::text[]) AND position > signed_position`,
);

/** Keeps signed heads ($1-$4 and $7 side by side; $5 time, $6 key) and notes how far each tenant is signed. */
export const INSERT_CHECKPOINTS = hotStatement(
  'event_checkpoints_insert',
  `WITH signed AS (
     INSERT INTO event_checkpoints (tenant_id, position, hash, log_position, at, key_id, signature)
     SELECT s.tenant_id, s.position, s.hash, s.log_position, $5::timestamptz, $6, s.signature
     FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $7::bytea[])
       AS s (tenant_id, position, hash, log_position, signature)
     RETURNING tenant_id, position
   )
   UPDATE event_heads h SET signed_position = signed.position FROM signed WHERE h.tenant_id = signed.tenant_id`,
);
