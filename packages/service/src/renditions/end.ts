import type { Clock } from '../core/clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import { type NewEvent, recordEvent, recordEvents } from '../events/index.ts';
import { complete, isHeld, retryDead } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import { markFailed, markReady, markRestFailed, resetFailed, selectImageIds } from './end.sql.ts';
import { keepLooks } from './keep-looks.ts';
import type { Looks } from './looks.ts';
import { type MadeRendition, type Rendition, type RenditionCause, type RenditionRow, toRendition } from './model.ts';

/** A job as its holder knows it. */
export interface HeldJob {
  readonly tenantId: string;
  readonly jobId: string;
  readonly originalId: string;
  /** The fencing token of this claim. */
  readonly token: number;
}

export interface JobResults {
  readonly ready: readonly { readonly renditionId: string; readonly made: MadeRendition }[];
  readonly failed: readonly { readonly renditionId: string; readonly cause: RenditionCause }[];
  /** Of the original, if the job looked. */
  readonly looks?: Looks | undefined;
}

/**
 * Makes results true in one short transaction: the rows, the events, and, when `final`, the end of the job. With a
 * token that is no longer the current one, or for an original that is gone, nothing changes.
 * @returns the renditions that ended by this; the caller removes objects that none of them names.
 */
export async function endRenditions(
  database: Database,
  clock: Clock,
  job: HeldJob,
  results: JobResults,
  final: boolean,
): Promise<Rendition[]> {
  return database.transaction(async (tx) => {
    // Sent together and run one after the other, in the order of locks. An original that is gone took its jobs along.
    const [isThere, isHeldStill] = await Promise.all([
      lockOriginal(tx, job.tenantId, job.originalId, 'share'),
      final ? complete(tx, job) : isHeld(tx, job),
    ]);
    if (!isThere || !isHeldStill) return [];
    const [ready, failed, imageIds] = await Promise.all([
      setReady(tx, job, results.ready),
      setFailed(tx, job, results.failed),
      findImages(tx, job.tenantId, job.originalId),
    ]);
    const ended = [...ready, ...failed];
    if (results.looks) await keepLooks(tx.later, job.tenantId, job.originalId, results.looks);
    await tellImages(tx.later, clock, job.tenantId, imageIds, ended);
    return ended;
  });
}

/** A job that the queue has given up. */
export interface DeadJob {
  readonly tenantId: string;
  readonly jobId: string;
  /** How often it was tried, whatever it was that failed. */
  readonly attempts: number;
  readonly cause: RenditionCause;
}

/** Fails everything that a dead job still owes; in the transaction in which the job dies. */
export async function failRest(tx: Transaction, clock: Clock, job: DeadJob): Promise<Rendition[]> {
  const { tenantId, jobId, attempts, cause } = job;
  const rows = await tx.query<RenditionRow>(markRestFailed, [tenantId, jobId, cause.code, cause.message]);
  const failed = rows.map(toRendition);
  const data = { jobId, attempts: Math.max(1, attempts), cause };
  await recordEvent(tx, clock, { tenantId, type: 'job.dead', subject: jobId, actor: 'system', data });
  const [first] = failed;
  if (first) await tellImages(tx, clock, tenantId, await findImages(tx, tenantId, first.originalId), failed);
  return failed;
}

/**
 * Gives a dead job another chance, with everything that it owed.
 * @returns false when the tenant has no such dead job.
 */
export async function retryJob(
  tx: Transaction,
  clock: Clock,
  tenantId: string,
  jobId: string,
  actor: string,
): Promise<boolean> {
  if (!(await retryDead(tx, tenantId, jobId))) return false;
  await tx.query(resetFailed, [tenantId, jobId]);
  await recordEvent(tx, clock, { tenantId, type: 'job.retried', subject: jobId, actor, data: { jobId } });
  return true;
}

async function setReady(tx: Transaction, job: HeldJob, ready: JobResults['ready']): Promise<Rendition[]> {
  if (ready.length === 0) return [];
  const rows = await tx.query<RenditionRow>(markReady, [
    job.tenantId,
    job.jobId,
    ready.map(({ renditionId }) => renditionId),
    ready.map(({ made }) => made.objectKey),
    ready.map(({ made }) => made.sha256),
    ready.map(({ made }) => made.bytes),
    ready.map(({ made }) => made.format),
    ready.map(({ made }) => made.width),
    ready.map(({ made }) => made.height),
    ready.map(({ made }) => made.renderMs),
  ]);
  return rows.map(toRendition);
}

async function setFailed(tx: Transaction, job: HeldJob, failed: JobResults['failed']): Promise<Rendition[]> {
  if (failed.length === 0) return [];
  const rows = await tx.query<RenditionRow>(markFailed, [
    job.tenantId,
    job.jobId,
    failed.map(({ renditionId }) => renditionId),
    failed.map(({ cause }) => cause.code),
    failed.map(({ cause }) => cause.message),
  ]);
  return rows.map(toRendition);
}

async function findImages(tx: Transaction, tenantId: string, originalId: string): Promise<string[]> {
  const images = await tx.query<{ image_id: string }>(selectImageIds, [tenantId, originalId]);
  return images.map(({ image_id }) => image_id);
}

async function tellImages(
  tx: Transaction,
  clock: Clock,
  tenantId: string,
  imageIds: readonly string[],
  ended: readonly Rendition[],
): Promise<void> {
  const events = imageIds.flatMap((imageId) => ended.map((rendition) => renditionEvent(tenantId, imageId, rendition)));
  await recordEvents(tx, clock, events);
}

/** The event that tells an image of a rendition that has ended. */
export function renditionEvent(tenantId: string, imageId: string, rendition: Rendition): NewEvent {
  const { renditionId, transformation, preset, made, cause } = rendition;
  const common = { tenantId, imageId, subject: renditionId, actor: 'system' };
  const named = { renditionId, transformation, ...(preset && { preset }) };
  if (made) {
    const { format, width, height, bytes, renderMs } = made;
    return { ...common, type: 'rendition.ready', data: { ...named, format, width, height, bytes, renderMs } };
  }
  return {
    ...common,
    type: 'rendition.failed',
    data: { ...named, cause: cause ?? { code: 'unknown', message: 'no cause was kept' } },
  };
}
