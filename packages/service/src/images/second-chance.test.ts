import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import { type ClaimedJob, claim, type Release, release } from '../jobs/index.ts';
import { endRenditions } from '../renditions/end.ts';
import { failRest } from '../renditions/index.ts';
import { acceptImage } from './accept.ts';
import type { Image } from './model.ts';

describe('an upload of bytes whose renditions have failed', () => {
  let test: TestDatabase;
  let bytes: Buffer;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  async function accept(): Promise<Image> {
    return (await acceptImage(test.database, systemClock, uploadOf(test.tenants.a, bytes))).image;
  }
  /** Uploads fresh bytes and claims their job. */
  async function begin(): Promise<ClaimedJob> {
    bytes = randomBytes(8);
    await accept();
    const [job] = await claim(test.database, newId('node', systemClock), 1);
    invariant(job, 'the job of an upload can be claimed');
    return job;
  }
  /** The job's last try ends like that. */
  async function die(job: ClaimedJob, why: Release): Promise<void> {
    await test.database.transaction(async (tx) => {
      const outcome = await release(tx, { ...job, attempts: 4, solitary: true }, why, 0);
      expect(outcome?.state).toBe('dead');
      const cause = outcome?.cause ?? { code: 'none', message: '' };
      await failRest(tx, systemClock, { ...job, attempts: 5, cause });
    });
  }
  const states = (image: Image) => image.renditions.map(({ state, cause }) => cause?.code ?? state);
  const jobs = (image: Image) => new Set(image.renditions.map(({ jobId }) => jobId));

  it('tries them again when it was not the picture that failed', async () => {
    const job = await begin();
    await die(job, { reason: 'retry', cause: { code: 'storage_unavailable', message: 'the store was away' } });
    const image = await accept();
    expect(states(image)).toEqual(['pending', 'pending', 'pending']);
    expect(jobs(image)).toEqual(new Set([job.jobId]));
    const again = await claim(test.database, newId('node', systemClock), 1);
    expect(again.map(({ jobId, attempts }) => ({ jobId, attempts }))).toEqual([{ jobId: job.jobId, attempts: 0 }]);
    await die(again[0] ?? job, { reason: 'worker_died', message: 'killed' });
  });

  it('leaves them failed when their worker died of them', async () => {
    await die(await begin(), { reason: 'worker_died', message: 'killed' });
    expect(states(await accept())).toEqual(['worker_crashed', 'worker_crashed', 'worker_crashed']);
  });

  it('leaves them failed when the picture cannot be decoded', async () => {
    const job = await begin();
    const cause = { code: 'decode_failed', message: 'the picture is broken' };
    const failed = (await accept()).renditions.map(({ renditionId }) => ({ renditionId, cause }));
    await endRenditions(test.database, systemClock, job, { ready: [], failed }, true);
    expect(states(await accept())).toEqual(['decode_failed', 'decode_failed', 'decode_failed']);
  });
});
