import type { EventData } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Database, Transaction } from '../db/database.ts';
import { type NewEvent, recordEvent, recordEvents } from '../events/index.ts';
import { complete, isHeld, retryDead } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import { BUILT_IN_PRESETS, type PresetRows, presetOf, type TenantPresets, toPresets } from '../tenants/index.ts';
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
  readonly ready: readonly {
    readonly renditionId: string;
    readonly made: MadeRendition;
    /** All frames; absent: one. */
    readonly pixels?: number;
  }[];
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
    const [ready, failed, hearers] = await Promise.all([
      setReady(tx, job, results.ready),
      setFailed(tx, job, results.failed),
      findImages(tx, job.tenantId, job.originalId),
    ]);
    const ended = [...ready.map(toRendition), ...failed];
    if (results.looks) await keepLooks(tx.later, job.tenantId, job.originalId, results.looks);
    await tellImages(tx.later, clock, job.tenantId, hearers, ended, metersOf(ready, results.ready));
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

interface ReadyRow extends RenditionRow {
  /** How often it was made and told, this time included. */
  readonly charges: number;
}

async function setReady(tx: Transaction, job: HeldJob, ready: JobResults['ready']): Promise<ReadyRow[]> {
  if (ready.length === 0) return [];
  return tx.query<ReadyRow>(markReady, [
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
}

/** What the meter is told of a rendition that is ready. */
type Meters = Pick<EventData<'rendition.ready'>, 'storedBytes' | 'charge'>;

/** By rendition. One that was lost and is made again takes up room again, and is not charged again. */
function metersOf(rows: readonly ReadyRow[], ready: JobResults['ready']): Map<string, Meters> {
  const pixels = new Map(
    ready.map(({ renditionId, made, pixels = made.width * made.height }) => [renditionId, pixels]),
  );
  return new Map(
    rows.map((row) => {
      const charge = { cpuMs: row.render_ms ?? 0, pixels: pixels.get(row.rendition_id) ?? 0 };
      return [row.rendition_id, { storedBytes: row.bytes ?? 0, ...(row.charges === 1 && { charge }) }];
    }),
  );
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

/** The images of an original, and what the presets of their tenant stand for. */
interface Hearers {
  readonly imageIds: readonly string[];
  readonly presets: TenantPresets;
}

async function findImages(tx: Transaction, tenantId: string, originalId: string): Promise<Hearers> {
  const images = await tx.query<{ image_id: string } & PresetRows>(selectImageIds, [tenantId, originalId]);
  return {
    imageIds: images.map(({ image_id }) => image_id),
    presets: images[0] ? toPresets(images[0]) : BUILT_IN_PRESETS,
  };
}

async function tellImages(
  tx: Transaction,
  clock: Clock,
  tenantId: string,
  { imageIds, presets }: Hearers,
  ended: readonly Rendition[],
  meters: ReadonlyMap<string, Meters> = new Map(),
): Promise<void> {
  // Each image hears of it, and the meter once: also of what is made while no image is there to hear of it.
  const hearers = imageIds.length > 0 || meters.size === 0 ? imageIds : [undefined];
  const events = hearers.flatMap((imageId, index) =>
    ended.map((rendition) => {
      const told = index === 0 ? meters.get(rendition.renditionId) : undefined;
      return renditionEvent({ tenantId, imageId, presets }, rendition, told);
    }),
  );
  await recordEvents(tx, clock, events);
}

/** The event that tells an image of a rendition that has ended, and of it the meter. */
export function renditionEvent(
  {
    tenantId,
    imageId,
    presets,
  }: { readonly tenantId: string; readonly imageId: string | undefined; readonly presets: TenantPresets },
  { renditionId, transformation, made, cause }: Rendition,
  meters?: Meters,
): NewEvent {
  const preset = presetOf(presets, transformation)?.name;
  const common = { tenantId, ...(imageId !== undefined && { imageId }), subject: renditionId, actor: 'system' };
  const named = { renditionId, transformation, ...(preset && { preset }) };
  if (made) {
    const { format, width, height, bytes, renderMs } = made;
    return {
      ...common,
      type: 'rendition.ready',
      data: { ...named, format, width, height, bytes, renderMs, ...meters },
    };
  }
  return {
    ...common,
    type: 'rendition.failed',
    data: { ...named, cause: cause ?? { code: 'unknown', message: 'no cause was kept' } },
  };
}
