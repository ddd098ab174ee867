import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Transformation } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Database, Queryable } from '../db/database.ts';
import { lockOriginal } from '../originals/index.ts';
import { copyObjectTo } from '../ports/copy-object.ts';
import { ObjectMissingError, type ObjectStore } from '../ports/object-store.ts';
import { tellDropped } from './dropped.ts';
import type { HeldJob } from './end.ts';
import { planRender } from './plan.ts';
import type { OutputFailure } from './protocol.ts';
import { claimPyramid, deletePyramid, dropPyramid, selectPyramid } from './pyramid.sql.ts';
import { canHavePyramid, type PyramidUse } from './pyramid.ts';
import { PYRAMID_FILE } from './scratch.ts';
import type { SourceFacts } from './source.ts';

interface PyramidRow {
  readonly state: 'making' | 'ready' | 'refused';
  readonly object_key: string | null;
}

export interface FoundPyramid {
  readonly use: PyramidUse;
  /** Where it is ready. */
  readonly objectKey?: string;
}

const NONE: FoundPyramid = { use: 'none' };
/** Workers that died of one picture's pyramid, or were killed beside it. */
const TRIES_MAX = 3;
/** Who waits holds a worker, which then takes no CPU; the maker's own deadline ends it before this as a rule. */
const WAIT_MS_MAX = 60_000;
const POLL_MS = 100;

/**
 * What a claimed job does about the pyramid of its original: nothing, where none of its outputs is served by one; reads
 * the one that is kept; or makes it, alone. While another job makes it, this one waits, since each of its outputs would
 * take nearly as long from the original.
 * @param mayMake false where a worker has died of this job: what it was doing then is not tried again
 * @param gone settles when there is nobody any more to wait for
 */
export async function usePyramid(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  job: HeldJob,
  source: SourceFacts,
  transformations: readonly Transformation[],
  { mayMake, gone }: { readonly mayMake: boolean; readonly gone: Promise<unknown> },
): Promise<FoundPyramid> {
  const wish = wishOf(source, transformations);
  if (wish === 'none') return NONE;
  let waiting: { readonly untilMs: number } | undefined;
  let isGone = false;
  for (;;) {
    const [row] = await database.query<PyramidRow>(selectPyramid, [job.tenantId, job.originalId]);
    if (row?.object_key) return { use: 'ready', objectKey: row.object_key };
    if (row?.state === 'refused' || !mayMake || wish !== 'make') return NONE;
    const claimed = await claim(database, job);
    if (claimed) return claimed.state === 'making' ? { use: 'make' } : NONE;
    if (!waiting) {
      waiting = { untilMs: clock.monotonic() + WAIT_MS_MAX };
      void gone.then(() => {
        isGone = true;
      });
    }
    if (isGone || clock.monotonic() > waiting.untilMs) return NONE;
    await pause(POLL_MS);
  }
}

/**
 * Puts a pyramid into a job's folder.
 * @returns false when the object is not there: it is lost, or went with its original a moment ago.
 */
export async function putPyramid(
  { database, clock, store }: { readonly database: Database; readonly clock: Clock; readonly store: ObjectStore },
  job: HeldJob,
  objectKey: string,
  folder: string,
): Promise<boolean> {
  try {
    await copyObjectTo(store, objectKey, join(folder, PYRAMID_FILE));
    return true;
  } catch (error) {
    if (!(error instanceof ObjectMissingError)) throw error;
    await dropPyramidOf(database, clock, job, objectKey);
    return false;
  }
}

/**
 * What cannot be decoded was a pyramid's fault if one was read: it is forgotten, and the job tried again without.
 * @throws DamagedPyramidError
 */
export async function refuseDamaged(
  { database, clock }: { readonly database: Database; readonly clock: Clock },
  job: HeldJob,
  { objectKey }: FoundPyramid,
  failures: readonly OutputFailure[],
): Promise<void> {
  if (objectKey === undefined || !failures.some(({ cause }) => cause.code === 'decode_failed')) return;
  await dropPyramidOf(database, clock, job, objectKey);
  throw new DamagedPyramidError('a pyramid that was kept cannot be decoded any more');
}

async function dropPyramidOf(
  database: Database,
  clock: Clock,
  { tenantId, originalId }: HeldJob,
  objectKey: string,
): Promise<void> {
  await database.transaction(async (tx) => {
    const [dropped] = await tx.query<{ bytes: number }>(dropPyramid, [tenantId, originalId, objectKey]);
    if (dropped) await tellDropped(tx, clock, { tenantId, subject: originalId, objects: 1, bytes: dropped.bytes });
  });
}

class DamagedPyramidError extends Error {
  override readonly name = 'DamagedPyramidError';
}

/** What a job that is ordered now is predicted to do about it: `ready` costs little, and a pyramid under way will be. */
export async function foreseePyramid(
  tx: Queryable,
  { tenantId, originalId }: Pick<HeldJob, 'tenantId' | 'originalId'>,
  source: SourceFacts,
  transformations: readonly Transformation[],
): Promise<PyramidUse> {
  const wish = wishOf(source, transformations);
  if (wish === 'none') return 'none';
  const [row] = await tx.query<PyramidRow>(selectPyramid, [tenantId, originalId]);
  if (row?.state === 'ready') return 'ready';
  return row?.state === 'refused' ? 'none' : wish === 'make' ? 'make' : 'none';
}

/**
 * Drops what is known of the pyramid of an original that goes. @returns its object, to be removed after the commit, and
 * its bytes, which the caller tells the meter of.
 */
export async function forgetPyramid(
  tx: Queryable,
  tenantId: string,
  originalId: string,
): Promise<{ readonly objectKey: string; readonly bytes: number } | undefined> {
  const [row] = await tx.query<{ object_key: string | null; bytes: number | null }>(deletePyramid, [
    tenantId,
    originalId,
  ]);
  return row?.object_key ? { objectKey: row.object_key, bytes: row.bytes ?? 0 } : undefined;
}

/** Areas are worth one; the whole picture, smaller, is only read from one that is there. */
function wishOf(source: SourceFacts, transformations: readonly Transformation[]): PyramidUse {
  if (!canHavePyramid(source)) return 'none';
  const served = planRender(source, transformations, true).bases.filter(({ base }) => base.fromPyramid);
  if (served.some(({ base }) => base.rect !== undefined)) return 'make';
  return served.length > 0 ? 'ready' : 'none';
}

/** Undefined when there is one, or another job makes it. Of an original that is gone none will be made. */
async function claim(database: Database, job: HeldJob): Promise<Pick<PyramidRow, 'state'> | undefined> {
  return database.transaction(async (tx) => {
    const { tenantId, originalId, jobId, token } = job;
    if (!(await lockOriginal(tx, tenantId, originalId, 'share'))) return { state: 'refused' };
    return (await tx.query<PyramidRow>(claimPyramid, [tenantId, originalId, jobId, token, TRIES_MAX]))[0];
  });
}
