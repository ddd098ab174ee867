import type { Queryable } from '../db/database.ts';
import type { ClaimedJob } from '../jobs/index.ts';
import { selectWork } from './end.sql.ts';
import type { SourceFacts } from './source.ts';

/** One output that a leased job owes, and of what. */
export interface WorkRow {
  readonly rendition_id: string;
  readonly transformation: string;
  /** Of the original. */
  readonly object_key: string;
  readonly bytes: number;
  readonly facts: SourceFacts;
  readonly lacks_looks: boolean;
}

/** What a job still owes; nothing when its image was deleted, or when an earlier attempt did all. */
export async function findWork(
  database: Queryable,
  { tenantId, jobId }: Pick<ClaimedJob, 'tenantId' | 'jobId'>,
): Promise<WorkRow[]> {
  return database.query<WorkRow>(selectWork, [tenantId, jobId]);
}
