import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import { isHeld } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { HeldJob } from './end.ts';
import type { MadePyramid } from './protocol.ts';
import { keepPyramid, refusePyramid, releasePyramid } from './pyramid.sql.ts';
import { pyramidBytesMax } from './pyramid.ts';
import type { Scratch } from './scratch.ts';
import type { SourceFacts } from './source.ts';

interface KeepDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly store: ObjectStore;
}

/** A pyramid that lies in the folder of the job that has made it. */
export interface NewPyramid {
  readonly scratch: Scratch;
  readonly folder: string;
  readonly source: SourceFacts;
  readonly made: MadePyramid;
}

/**
 * Stores a pyramid and makes it true, if its job is still the one that makes it. Outputs do not need it to be kept: where
 * it cannot be, the next job that wants one makes it again, and what is wrong with the storage, their own objects meet.
 */
export async function keepNewPyramid(deps: KeepDeps, job: HeldJob, pyramid: NewPyramid): Promise<void> {
  const mine = [job.tenantId, job.originalId, job.jobId, job.token];
  try {
    if (pyramid.made.bytes > pyramidBytesMax(pyramid.source)) await deps.database.query(refusePyramid, mine);
    else await keep(deps, job, pyramid);
  } catch {
    // The lease on the making ends with the job's at the latest.
    await deps.database.query(releasePyramid, mine).catch(() => undefined);
  }
}

async function keep({ database, clock, store }: KeepDeps, job: HeldJob, pyramid: NewPyramid): Promise<void> {
  const { tenantId, originalId, jobId, token } = job;
  const { scratch, folder, source, made } = pyramid;
  const objectKey = `${tenantId}/pyramid/${newId('object', clock)}`;
  const bytesMax = pyramidBytesMax(source);
  const { bytes, sha256 } = await store.putStream(objectKey, scratch.openPyramid(folder, bytesMax), { bytesMax });
  const isKept = await database.transaction(async (tx) => {
    if (!(await lockOriginal(tx, tenantId, originalId, 'share')) || !(await isHeld(tx, job))) return false;
    const kept = await tx.query(keepPyramid, [tenantId, originalId, jobId, token, objectKey, sha256, bytes]);
    if (kept.length === 0) return false;
    const cpuMs = Math.round(made.cpuMs);
    const data = { originalId, bytes, renderMs: cpuMs, storedBytes: bytes, charge: { cpuMs } };
    await recordEvent(tx, clock, { tenantId, type: 'pyramid.ready', subject: originalId, actor: 'system', data });
    return true;
  });
  if (!isKept) await store.remove([objectKey]);
}
