import { parseTransformation, type Transformation } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { OpenTransaction, Queryable, Transaction } from '../db/database.ts';
import { type ClaimedJob, enqueue, enqueueLeased, keepReservation, type Lane, type NewJob } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import { type PredictedUse, reserveRenders } from '../usage/index.ts';
import { renditionDigest } from './digest.ts';
import { retryJob } from './end.ts';
import { type Rendition, type RenditionRow, toRendition } from './model.ts';
import { insertRenditions, selectStanding } from './order.sql.ts';
import { countPendingOf, refuseFlood, type UrlLane } from './pending.ts';
import { predictJob } from './predict.ts';
import type { SourceFacts } from './protocol.ts';
import type { PyramidUse } from './pyramid.ts';
import { foreseePyramid } from './pyramid-use.ts';
import { findWork, type WorkRow } from './work.ts';

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

/** How an order by URL is treated: anybody may have thought it up. */
export interface UrlBounds {
  /** Renditions that one tenant may have pending in the order's lane before another is refused. */
  readonly pendingMax: number;
  /** In the lane `live`: the node that has a worker set aside for it, if this one does. */
  readonly nodeId?: string | undefined;
}

export interface Ordered {
  /** Every rendition asked for, as it stands after. */
  readonly renditions: Rendition[];
  /** The job, if the waiting worker has it already, and what it has to make; good when the transaction has committed. */
  readonly leased: LeasedJob | undefined;
}

export interface LeasedJob {
  readonly job: ClaimedJob;
  readonly work: readonly WorkRow[];
}

/**
 * Makes sure that the renditions stand: those that lack become `pending`, all in one job, so that the original is
 * decoded once. Those that failed because their job died of what was around it, not of the picture, are tried again
 * with their job. The caller holds the original locked for change.
 * @returns every rendition asked for, as it stands after.
 */
export async function orderRenditions(tx: Transaction, clock: Clock, order: RenditionOrder): Promise<Rendition[]> {
  const asked = digestsOf(order);
  return (await orderLacking(tx, clock, order, { asked, standing: order.isNew ? [] : await look(tx, order, asked) }))
    .renditions;
}

/**
 * The same for an order by URL, which locks the original itself: what stands, and how much is pending, is asked for in
 * the same round trip, and read under the lock.
 * @returns undefined when the original is gone. @throws PlacesTakenError when too many are pending.
 */
export async function orderByUrl(
  tx: OpenTransaction,
  clock: Clock,
  order: RenditionOrder & { readonly lane: UrlLane },
  { pendingMax, nodeId }: UrlBounds,
): Promise<Ordered | undefined> {
  const asked = digestsOf(order);
  const [isThere, standing, pending] = await Promise.all([
    lockOriginal(tx, order.tenantId, order.originalId, 'change'),
    look(tx, order, asked),
    countPendingOf(tx, order, pendingMax),
  ]);
  if (!isThere) return undefined;
  const refuse = () => refuseFlood(pending, pendingMax);
  return orderLacking(tx, clock, order, { asked, standing, nodeId, refuse, owing: tx.later });
}

/** By transformation. */
type Digests = ReadonlyMap<string, Uint8Array>;

function digestsOf({ transformations }: RenditionOrder): Digests {
  return new Map(transformations.map((text) => [text, renditionDigest(text)]));
}

async function look(tx: Transaction, { tenantId, originalId }: RenditionOrder, asked: Digests): Promise<Rendition[]> {
  const rows = await tx.query<RenditionRow>(selectStanding, [tenantId, originalId, [...asked.values()]]);
  return rows.map(toRendition);
}

interface Found {
  readonly asked: Digests;
  readonly standing: readonly Rendition[];
  readonly nodeId?: string | undefined;
  /** Throws when there is no room for another. */
  readonly refuse?: () => void;
  /** Where nothing follows that has to wait for them, renditions are put in on the way to the commit. */
  readonly owing?: Queryable;
}

async function orderLacking(tx: Transaction, clock: Clock, order: RenditionOrder, found: Found): Promise<Ordered> {
  const { asked, nodeId, refuse, owing = tx } = found;
  let { standing } = found;
  if (standing.length > 0 && (await reviveJobs(tx, clock, order.tenantId, standing))) {
    standing = await look(tx, order, asked);
  }
  const known = new Set(standing.map((rendition) => rendition.transformation));
  const lacking = order.transformations.filter((text) => !known.has(text));
  if (lacking.length === 0) return { renditions: [...standing], leased: undefined };

  refuse?.();
  const lackingRead = lacking.map(readTransformation);
  const pyramid = await foreseePyramid(tx, order, order.source, lackingRead);
  const { job, use } = jobFor(clock, order, lackingRead, pyramid);
  const { jobId } = job;
  const enqueued = putReserved(tx, clock, job, use, nodeId);
  const owe = async (jobId: string) => {
    const made = lacking.map((transformation): Rendition => {
      const digest = asked.get(transformation);
      invariant(digest, 'every transformation asked for has a digest');
      return toRendition(pendingRow(newId('rendition', clock), order.originalId, transformation, digest, jobId));
    });
    await owing.query(insertRenditions, [
      order.tenantId,
      order.originalId,
      jobId,
      made.map((rendition) => rendition.renditionId),
      made.map((rendition) => rendition.transformation),
      made.map((rendition) => rendition.digest),
    ]);
    return [...standing, ...made];
  };
  if (!order.isNew) {
    const { jobId, leased } = await enqueued;
    // The worker that has the job would ask for its work at once: read here, that costs no further round trip.
    const [renditions, work] = await Promise.all([owe(jobId), leased ? findWork(tx, leased) : []]);
    return { renditions, leased: leased && { job: leased, work } };
  }
  // Both in one round trip where the job's id is known beforehand.
  const [{ joined }, renditions] = await Promise.all([enqueued, owe(jobId)]);
  invariant(!joined, 'an original just made has no job');
  return { renditions, leased: undefined };
}

function jobFor(
  clock: Clock,
  order: RenditionOrder,
  transformations: readonly Transformation[],
  pyramid: PyramidUse,
): { readonly job: NewJob; readonly use: PredictedUse } {
  const predicted = predictJob(order.source, transformations, { lane: order.lane, pyramid });
  const job = {
    jobId: newId('job', clock),
    tenantId: order.tenantId,
    originalId: order.originalId,
    lane: order.lane,
    costMicros: predicted.costMicros,
    bytesPredicted: predicted.bytes,
    ...(order.traceparent !== undefined && { traceparent: order.traceparent }),
  };
  const pixels = predicted.outputs.reduce((sum, output) => sum + output.pixels, 0);
  const storedBytes = order.isNew ? order.source.bytes : 0;
  return { job, use: { cpuMicros: predicted.costMicros, pixels, storedBytes } };
}

/** Both travel together; where the budget does not hold it, the transaction fails and nothing was put. */
async function putReserved(
  tx: Transaction,
  clock: Clock,
  job: NewJob,
  use: PredictedUse,
  nodeId: string | undefined,
): Promise<Awaited<ReturnType<typeof put>>> {
  const [reserved, enqueued] = await Promise.all([reserveRenders(tx, clock, job.tenantId, use), put(tx, job, nodeId)]);
  if (reserved > 0) await keepReservation(tx, job.tenantId, enqueued.jobId, reserved);
  return enqueued;
}

async function put(tx: Transaction, job: NewJob, nodeId: string | undefined) {
  return nodeId === undefined ? { ...(await enqueue(tx, job)), leased: undefined } : enqueueLeased(tx, job, nodeId);
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
