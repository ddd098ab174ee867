import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { acceptImage, deleteImage } from '../images/index.ts';
import { claim } from '../jobs/index.ts';
import { endRenditions } from './end.ts';
import { remakeRendition } from './remake.ts';

const BYTES = 500;

describe('what the meter is told of a rendition', () => {
  let test: TestDatabase;
  let tenantId: string;
  beforeAll(async () => {
    test = await createTestDatabase();
    tenantId = test.tenants.a;
  });
  afterAll(() => test.close());

  const upload = async (bytes: Uint8Array) =>
    (await acceptImage(test.database, systemClock, uploadOf(tenantId, bytes))).image.imageId;

  /** A worker's part: makes everything that is owed. */
  async function work(): Promise<void> {
    for (const job of await claim(test.database, newId('node', systemClock), 10)) {
      const owed = await test.database.query<{ rendition_id: string }>(
        `SELECT rendition_id FROM renditions WHERE tenant_id = $1 AND job_id = $2 AND state = 'pending'`,
        [job.tenantId, job.jobId],
      );
      const ready = owed.map(({ rendition_id }) => ({
        renditionId: rendition_id,
        made: {
          ...{ objectKey: `${tenantId}/rendition/${newId('object', systemClock)}`, sha256: randomBytes(32) },
          ...{ format: 'jpeg', width: 100, height: 50, bytes: BYTES, renderMs: 7 },
        },
      }));
      await endRenditions(test.database, systemClock, job, { ready, failed: [] }, true);
    }
  }

  const told = async () => {
    const [row] = await test.database.query<{ charged: number; pixels: number; stored: number; ready: number }>(
      `SELECT count(data -> 'charge') AS charged, sum((data -> 'charge' ->> 'pixels')::int) AS pixels,
         sum((data ->> 'storedBytes')::bigint) AS stored, count(*) FILTER (WHERE type = 'rendition.ready') AS ready
       FROM event_inbox`,
    );
    return row;
  };

  it('is one charge, though three images hear of it, and none when it was lost and is made again', async () => {
    const bytes = randomBytes(8);
    const images = [await upload(bytes), await upload(bytes), await upload(bytes)];
    await work();
    const stored = bytes.length + 3 * BYTES;
    expect(await told()).toEqual({ charged: 3, pixels: 3 * 5_000, stored, ready: 9 });

    const [lost] = await test.database.query<{ rendition_id: string; original_id: string; object_key: string }>(
      'SELECT rendition_id, original_id, object_key FROM renditions LIMIT 1',
    );
    const named = {
      ...{ renditionId: lost?.rendition_id ?? '', originalId: lost?.original_id ?? '' },
      ...{ tenantId, objectKey: lost?.object_key ?? '', damage: 'missing' as const },
    };
    await test.database.transaction((tx) => remakeRendition(tx, systemClock, named));
    expect(await told()).toMatchObject({ charged: 3, stored: stored - BYTES });
    await work();
    expect(await told()).toMatchObject({ charged: 3, stored });

    // What the last image of the original leaves behind is nothing.
    for (const imageId of images) await deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
    expect(await told()).toMatchObject({ charged: 3, stored: 0 });
  });
});
