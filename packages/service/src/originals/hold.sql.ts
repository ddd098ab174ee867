import { hotStatement } from '../db/statement.ts';

/**
 * Inserts the original or finds the one that stands, and locks it either way, in one round trip: the conflicting row is
 * updated to what it is, which takes its lock and answers it. A deletion that holds the row is waited for; when it
 * commits, PostgreSQL inserts after all. `bytes` is in no key, so the lock does not stop foreign-key checks.
 */
export const holdOriginalStatement = hotStatement(
  'hold_original',
  `INSERT INTO originals AS stood
     (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
   ON CONFLICT (tenant_id, sha256) DO UPDATE SET bytes = stood.bytes
   RETURNING original_id, object_key, facts`,
);
