import { createHash } from 'node:crypto';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { newId } from '../../packages/service/src/core/ids.ts';
import type { Queryable } from '../../packages/service/src/db/database.ts';
import type { Lane, NewJob } from '../../packages/service/src/jobs/index.ts';

/** Inserts `count` originals of a tenant, without objects behind them, and answers their ids. */
export async function insertOriginals(database: Queryable, tenantId: string, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId('original', systemClock));
  await database.query(
    `INSERT INTO originals (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
     SELECT $1, o.id, o.sha256, $1 || '/original/' || o.id, 1, 'jpeg', 1, 1, 1, '{}'
     FROM unnest($2::text[], $3::bytea[]) AS o(id, sha256)`,
    [tenantId, ids, ids.map((id) => createHash('sha256').update(id).digest())],
  );
  return ids;
}

/** A job of one second's cost in the `normal` lane, unless said otherwise. */
export function newJob(tenantId: string, originalId: string, given: Partial<NewJob> & { lane?: Lane } = {}): NewJob {
  return {
    tenantId,
    originalId,
    jobId: newId('job', systemClock),
    lane: 'normal',
    costMicros: 1_000_000,
    bytesPredicted: 1_000_000,
    ...given,
  };
}
