import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Transaction } from '../db/database.ts';
import { recordEvents } from '../events/index.ts';
import { enqueue } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import { selectImageIds } from './end.sql.ts';
import { readTransformation } from './order.ts';
import { predictJob } from './predict.ts';
import type { SourceFacts } from './protocol.ts';
import { markLost, selectMade } from './remake.sql.ts';

/** A ready rendition whose object is gone or not what it was. */
export interface LostRendition {
  readonly tenantId: string;
  readonly originalId: string;
  readonly renditionId: string;
  readonly objectKey: string;
  readonly damage: 'missing' | 'damaged';
}

/**
 * Makes the rendition pending again, with a job of the `batch` lane; whoever asks for it meanwhile waits for it and
 * hurries the job. @returns false when it no longer stands on that object.
 */
export async function remakeRendition(tx: Transaction, clock: Clock, lost: LostRendition): Promise<boolean> {
  const { tenantId, originalId, renditionId, objectKey, damage } = lost;
  if (!(await lockOriginal(tx, tenantId, originalId, 'change'))) return false;
  const found = [tenantId, renditionId, objectKey];
  const [made] = await tx.query<{ transformation: string; bytes: number; facts: SourceFacts }>(selectMade, found);
  if (!made) return false;
  const { transformation, bytes, facts } = made;
  const predicted = predictJob(facts, [readTransformation(transformation)]);
  const { jobId } = await enqueue(tx, {
    ...{ tenantId, originalId, lane: 'batch', jobId: newId('job', clock) },
    ...{ costMicros: predicted.costMicros, bytesPredicted: predicted.bytes },
  });
  await tx.query(markLost, [...found, jobId]);
  const images = await tx.query<{ image_id: string }>(selectImageIds, [tenantId, originalId]);
  // Nobody may be there to hear of it, and the meter does all the same.
  const hearers = images.length > 0 ? images.map(({ image_id: imageId }) => ({ imageId })) : [{}];
  const events = hearers.map((hearer, index) => ({
    ...{ tenantId, ...hearer, subject: renditionId, type: 'rendition.lost' as const, actor: 'system' },
    data: { renditionId, transformation, damage, ...(index === 0 && { storedBytes: -bytes }) },
  }));
  await recordEvents(tx, clock, events);
  return true;
}
