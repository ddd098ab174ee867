import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { type ClaimedJob, claim } from '../jobs/index.ts';
import { endRenditions } from '../renditions/end.ts';
import { acceptImage } from './accept.ts';
import { type Delivery, findDelivery, hurryRendition, orderForLater } from './delivery.ts';

const PENDING_MAX = 3;

describe('a better form for which nobody waits', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  const textOf = (w: number) => `fit=max&fm=avif&w=${w}`;
  const claimAll = () => claim(test.database, newId('node', systemClock), 10);

  /** An image whose presets a worker has already: what is ordered next is a job of its own. */
  async function upload(tenantId: string): Promise<string> {
    const { image } = await acceptImage(test.database, systemClock, uploadOf(tenantId, randomBytes(8)));
    await claimAll();
    return image.imageId;
  }

  async function look(tenantId: string, imageId: string, w: number): Promise<Delivery> {
    const lookup = await findDelivery(test.database, tenantId, imageId, textOf(w));
    if (lookup.state !== 'found') throw new Error(`the image is ${lookup.state}`);
    return lookup.value;
  }

  async function later(tenantId: string, imageId: string, w: number): Promise<void> {
    const delivery = await look(tenantId, imageId, w);
    await orderForLater(test.database, systemClock, tenantId, delivery, textOf(w), PENDING_MAX);
  }

  async function end(job: ClaimedJob): Promise<void> {
    const rows = await test.database.query<{ rendition_id: string }>(
      `SELECT rendition_id FROM renditions WHERE tenant_id = $1 AND job_id = $2 AND state = 'pending'`,
      [job.tenantId, job.jobId],
    );
    const cause = { code: 'decode_failed', message: 'no picture' };
    const failed = rows.map(({ rendition_id }) => ({ renditionId: rendition_id, cause }));
    await endRenditions(test.database, systemClock, job, { ready: [], failed }, true);
  }

  it('is ordered until so many of the tenant wait, and again when they are made; others and those who wait go on', async () => {
    const { a, b } = test.tenants;
    const [first, second, third, theirs] = [await upload(a), await upload(a), await upload(a), await upload(b)];
    for (const w of [1, 2]) await later(a, first, w);
    await later(a, second, 3);
    const refused = { bound: { name: 'pendingRenditionsOfTenantMax', limit: PENDING_MAX, actual: PENDING_MAX } };
    await expect(later(a, second, 4)).rejects.toMatchObject(refused);
    expect((await look(a, second, 4)).rendition).toBeUndefined();
    await later(a, first, 1);
    await later(b, theirs, 4);
    const waited = await look(a, third, 5);
    const hurried = await hurryRendition(test.database, systemClock, a, waited, textOf(5), { pendingMax: PENDING_MAX });
    expect(hurried?.rendition.state).toBe('pending');

    // Claimed, they still wait to be made.
    const jobs = await claimAll();
    await expect(later(a, second, 4)).rejects.toMatchObject(refused);
    for (const job of jobs) await end(job);
    await later(a, second, 4);
    expect((await look(a, second, 4)).rendition?.state).toBe('pending');
  });
});
