import { hotStatement } from '../db/statement.ts';

/** Of two jobs that looked at one original at once, the first to commit is believed; they saw the same. */
export const insertLooks = hotStatement(
  'insert_looks',
  `INSERT INTO looks (tenant_id, original_id, palette, thumbhash, blurhash, perceptual_hash, opaque)
   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, original_id) DO NOTHING`,
);
