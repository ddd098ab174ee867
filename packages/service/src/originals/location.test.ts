import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { acceptImage, deleteImage, getImage, type Image } from '../images/index.ts';
import { holdOriginal } from './hold.ts';
import { keepLocations, locateOriginal } from './location.ts';

const LOCATION = { latitude: 48.8582194, longitude: 2.2945 };

describe('the place where an original was taken', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  const keep = (tenantId: string, keeps: boolean) =>
    test.database.transaction((tx) => keepLocations(tx, systemClock, tenantId, keeps));
  const kept = async () => test.database.query('SELECT tenant_id, latitude, longitude, altitude_metres FROM locations');
  async function accept(tenantId: string, bytes: Buffer = randomBytes(8)): Promise<Image> {
    const upload = uploadOf(tenantId, bytes);
    const facts = { ...upload.facts, header: { location: { ...LOCATION, altitudeMetres: 35 } } };
    return (await acceptImage(test.database, systemClock, { ...upload, facts })).image;
  }
  async function read({ tenantId, imageId }: Image): Promise<Image | undefined> {
    const lookup = await getImage(test.database, tenantId, imageId);
    return lookup.state === 'found' ? lookup.value : undefined;
  }

  it('is kept of tenants that keep it, beside the facts, and is gone with the original', async () => {
    await keep(test.tenants.a, true);
    const [image, other] = [await accept(test.tenants.a), await accept(test.tenants.b)];
    expect((await read(image))?.location).toEqual({ ...LOCATION, altitudeMetres: 35 });
    expect((await read(other))?.location).toBeUndefined();
    const facts = await test.database.query<{ facts: object }>('SELECT facts FROM originals');
    expect(JSON.stringify(facts)).not.toContain('48.858');
    const { tenantId, imageId } = image;
    await deleteImage(test.database, systemClock, { tenantId, imageId, actor: 'test' });
    expect(await kept()).toEqual([]);
  });

  it('is dropped with the setting, of that tenant alone', async () => {
    await keep(test.tenants.a, true);
    await keep(test.tenants.b, true);
    await accept(test.tenants.a);
    await accept(test.tenants.b);
    await keep(test.tenants.a, false);
    expect(await kept()).toEqual([{ tenant_id: test.tenants.b, ...LOCATION, altitude_metres: 35 }]);
    await keep(test.tenants.b, false);
  });

  it('is told by an upload of the same bytes that comes after the setting', async () => {
    const bytes = randomBytes(8);
    const first = await accept(test.tenants.a, bytes);
    await keep(test.tenants.a, true);
    expect((await read(first))?.location).toBeUndefined();
    await accept(test.tenants.a, bytes);
    expect((await read(first))?.location).toMatchObject(LOCATION);
    await keep(test.tenants.a, false);
  });

  it('is not left behind by an upload that was under way when the setting changed', async () => {
    const tenantId = test.tenants.a;
    await keep(tenantId, true);
    const stored = Promise.withResolvers<void>();
    const mayCommit = Promise.withResolvers<void>();
    const upload = test.database.asTenant(tenantId, async (tx) => {
      const made = uploadOf(tenantId, randomBytes(8));
      const { originalId } = await holdOriginal(tx, { ...made, ...made.facts, originalId: `orig_${made.objectKey}` });
      await locateOriginal(tx, tenantId, originalId, LOCATION);
      stored.resolve();
      await mayCommit.promise;
    });
    await stored.promise;
    const change = keep(tenantId, false);
    await expect
      .poll(() => test.database.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`))
      .toHaveLength(1);
    mayCommit.resolve();
    await Promise.all([upload, change]);
    expect(await kept()).toEqual([]);
  });

  it('is told of in the log as a setting, not as a place', async () => {
    await keep(test.tenants.b, true);
    await accept(test.tenants.b);
    const events = await test.database.query(
      `SELECT data FROM event_inbox WHERE type = 'tenant.changed' ORDER BY event_id DESC LIMIT 1`,
    );
    expect(events).toEqual([{ data: { keepsLocation: true } }]);
    const told = await test.database.query(`SELECT 1 FROM event_inbox i WHERE i::text LIKE '%48.858%'`);
    expect(told).toEqual([]);
  });
});
