import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { acceptImage, deleteImage } from '../images/index.ts';
import { Deliveries } from './deliveries.ts';

describe('what is known of an original', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  async function warm() {
    const tenantId = test.tenants.a;
    const upload = { ...uploadOf(tenantId, randomBytes(8)), filename: 'a.jpg' };
    const { imageId } = (await acceptImage(test.database, systemClock, upload)).image;
    const deliveries = new Deliveries({ database: test.database, clock: systemClock });
    expect(deliveries.getOriginal(tenantId, imageId)).toBeUndefined();
    await deliveries.lookOriginal(tenantId, imageId);
    return { tenantId, imageId, upload, deliveries };
  }

  it('is kept as it is delivered: the object, under the name that it was sent with, as a stranger sent it', async () => {
    const { tenantId, imageId, upload, deliveries } = await warm();
    const { objectKey, bytes } = upload;
    const kept = { tenantId, imageId, objectKey, bytes, filename: 'a.jpg', format: 'jpeg', isUploaded: true };
    expect(deliveries.getOriginal(tenantId, imageId)).toMatchObject(kept);
    expect(deliveries.getOriginal(test.tenants.b, imageId)).toBeUndefined();
  });

  it('is forgotten with its image and with its tenant', async () => {
    for (const forget of ['image', 'tenant'] as const) {
      const { tenantId, imageId, deliveries } = await warm();
      if (forget === 'image') deliveries.forget(tenantId, imageId);
      else deliveries.forgetAll(tenantId);
      expect(deliveries.getOriginal(tenantId, imageId)).toBeUndefined();
    }
  });

  it('is not kept by a look that was under way when the image was deleted', async () => {
    const { tenantId, imageId, deliveries } = await warm();
    const look = deliveries.lookOriginal(tenantId, imageId);
    deliveries.forget(tenantId, imageId);
    await look;
    expect(deliveries.getOriginal(tenantId, imageId)).toBeUndefined();
    await deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
    expect(await deliveries.lookOriginal(tenantId, imageId)).toEqual({ state: 'gone' });
    expect(deliveries.getOriginal(tenantId, imageId)).toBeUndefined();
  });
});
