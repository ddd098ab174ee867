import { hotStatement } from '../db/statement.ts';

/**
 * Inserts the original or finds the one that stands, and locks it either way, in one round trip: the conflicting row is
 * updated, which takes its lock and answers it, to the facts of this probe: an older build's may have found fewer. A
 * deletion that holds the row is waited for; when it commits, PostgreSQL inserts after all. `facts` is in no key, so the
 * lock does not stop foreign-key checks.
 */
export const holdOriginalStatement = hotStatement(
  'hold_original',
  `INSERT INTO originals AS stood
     (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
   ON CONFLICT (tenant_id, sha256) DO UPDATE SET facts = EXCLUDED.facts
   RETURNING original_id, object_key, facts`,
);
