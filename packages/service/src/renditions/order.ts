import { parseTransformation, type Transformation } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { Transaction } from '../db/database.ts';
import { enqueue, type Lane } from '../jobs/index.ts';
import { renditionDigest } from './digest.ts';
import { retryJob } from './end.ts';
import { type Rendition, type RenditionRow, toRendition } from './model.ts';
import { insertRenditions, selectStanding } from './order.sql.ts';
import { predictJob } from './predict.ts';
import type { SourceFacts } from './protocol.ts';

export interface RenditionOrder {
  readonly tenantId: string;
  readonly originalId: string;
  /** Whether this transaction has made the original: then nothing stands of it, and no job could take up the work. */
  readonly isNew?: boolean;
  readonly source: SourceFacts;
  /** In canonical form. */
  readonly transformations: readonly string[];
  readonly lane: Lane;
  readonly traceparent?: string | undefined;
}

/**
 * Makes sure that the renditions stand: those that lack become `pending`, all in one job, so that the original is
 * decoded once. Those that failed because their job died of what was around it, not of the picture, are tried again
 * with their job. The caller holds the original locked for change.
 * @returns every rendition asked for, as it stands after.
 */
export async function orderRenditions(tx: Transaction, clock: Clock, order: RenditionOrder): Promise<Rendition[]> {
  const digests = new Map(order.transformations.map((text) => [text, renditionDigest(text)]));
  const look = async () => {
    const values = [order.tenantId, order.originalId, [...digests.values()]];
    return (await tx.query<RenditionRow>(selectStanding, values)).map(toRendition);
  };
  let standing = order.isNew ? [] : await look();
  if (standing.length > 0 && (await reviveJobs(tx, clock, order.tenantId, standing))) standing = await look();
  const known = new Set(standing.map((rendition) => rendition.transformation));
  const lacking = order.transformations.filter((text) => !known.has(text));
  if (lacking.length === 0) return standing;

  const predicted = predictJob(order.source, lacking.map(readTransformation));
  const jobId = newId('job', clock);
  const enqueued = enqueue(tx, {
    jobId,
    tenantId: order.tenantId,
    originalId: order.originalId,
    lane: order.lane,
    costMicros: predicted.costMicros,
    bytesPredicted: predicted.bytes,
    ...(order.traceparent !== undefined && { traceparent: order.traceparent }),
  });
  const owe = async (jobId: string) => {
    const made = lacking.map((transformation): Rendition => {
      const digest = digests.get(transformation);
      invariant(digest, 'every transformation asked for has a digest');
      return toRendition(pendingRow(newId('rendition', clock), order.originalId, transformation, digest, jobId));
    });
    await tx.query(insertRenditions, [
      order.tenantId,
      order.originalId,
      jobId,
      made.map((rendition) => rendition.renditionId),
      made.map((rendition) => rendition.transformation),
      made.map((rendition) => rendition.digest),
    ]);
    return [...standing, ...made];
  };
  // Both in one round trip where the job's id is known beforehand.
  if (!order.isNew) return owe((await enqueued).jobId);
  const [{ joined }, owed] = await Promise.all([enqueued, owe(jobId)]);
  invariant(!joined, 'an original just made has no job');
  return owed;
}

/** A failure of the picture's own has no job any more; one that its worker died of would only kill again. */
const DEADLY_CAUSE = 'worker_crashed';

/** @returns whether any of these renditions became pending again. */
async function reviveJobs(
  tx: Transaction,
  clock: Clock,
  tenantId: string,
  renditions: readonly Rendition[],
): Promise<boolean> {
  const revivable = renditions.filter(({ state, cause }) => state === 'failed' && cause?.code !== DEADLY_CAUSE);
  let revived = false;
  for (const jobId of new Set(revivable.flatMap((rendition) => rendition.jobId ?? []))) {
    revived = (await retryJob(tx, clock, tenantId, jobId, 'system')) || revived;
  }
  return revived;
}

/** Reads back a canonical text of our own. */
export function readTransformation(canonical: string): Transformation {
  const read = parseTransformation(new URLSearchParams(canonical));
  invariant(read.ok, `a stored transformation must be canonical: ${canonical}`);
  return read.transformation;
}

function pendingRow(
  renditionId: string,
  originalId: string,
  transformation: string,
  digest: Uint8Array,
  jobId: string,
): RenditionRow {
  return {
    rendition_id: renditionId,
    original_id: originalId,
    transformation,
    digest,
    state: 'pending',
    job_id: jobId,
    object_key: null,
    sha256: null,
    bytes: null,
    format: null,
    width: null,
    height: null,
    render_ms: null,
    cause_code: null,
    cause_message: null,
  };
}
