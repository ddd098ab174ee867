import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { acceptImage } from './accept.ts';
import { deleteImage } from './delete.ts';
import { findDelivery } from './delivery.ts';
import { DeliveryLooks } from './delivery-looks.ts';

const SMALL = 'fit=max&h=100&w=100';
const NEVER_ASKED_FOR = 'fit=max&h=7&w=7';

describe.each([18, 15] as const)('many looks at deliveries at once, on PostgreSQL %i', (major) => {
  let test: TestDatabase;
  let a: string;
  let b: string;
  beforeAll(async () => {
    test = await createTestDatabase(major);
    ({ a, b } = test.tenants);
  });
  afterAll(() => test.close());

  const accept = async (tenantId: string) =>
    (await acceptImage(test.database, systemClock, uploadOf(tenantId, randomBytes(8)))).image.imageId;

  /** The real way to the database, counted; until `open` is called nothing gets through. */
  function counted() {
    const transactions: string[] = [];
    const gate = Promise.withResolvers<void>();
    const database: Pick<Database, 'asTenant'> = {
      asTenant: async (tenantId, work) => {
        transactions.push(tenantId);
        await gate.promise;
        return test.database.asTenant(tenantId, work);
      },
    };
    return { database, transactions, open: gate.resolve };
  }

  it('find what each would find alone', async () => {
    const [one, other, gone, theirs] = [await accept(a), await accept(a), await accept(a), await accept(b)];
    await deleteImage(test.database, systemClock, { tenantId: a, imageId: gone, actor: 'test' });
    const urls = [one, other, gone, theirs, newId('image', systemClock)].flatMap((imageId) =>
      [SMALL, NEVER_ASKED_FOR].map((transformation) => ({ imageId, transformation })),
    );
    const alone = await Promise.all(
      urls.map(({ imageId, transformation }) => findDelivery(test.database, a, imageId, transformation)),
    );
    expect(alone.map(({ state }) => state)).toEqual([
      ...['found', 'found', 'found', 'found'],
      ...['gone', 'gone', 'missing', 'missing', 'missing', 'missing'],
    ]);
    const { database, open } = counted();
    const looks = new DeliveryLooks(database);
    const together = urls.map(({ imageId, transformation }) => looks.find(a, imageId, transformation));
    open();
    expect(await Promise.all(together)).toEqual(alone);
  });

  it('take a transaction for dozens, of one tenant each, and one of each at once', async () => {
    const [ours, theirs] = [await accept(a), await accept(b)];
    const { database, transactions, open } = counted();
    const looks = new DeliveryLooks(database);
    const flood = Array.from({ length: 100 }, () => looks.find(a, ours, SMALL));
    const guest = looks.find(b, theirs, SMALL);
    // The guest, who came last, does not wait for the flood.
    expect(transactions).toEqual([a, b]);
    open();
    await Promise.all([...flood, guest]);
    // The 99 others go as 64 and 35.
    expect(transactions).toEqual([a, b, a, a]);
    expect(await guest).toMatchObject({ state: 'found', value: { rendition: { state: 'pending' } } });
  });

  it('are of few tenants at once, and of all in turn', async () => {
    const tenants = Array.from({ length: 8 }, (_, index) => `ten_${index}`);
    const { transactions, database, open } = counted();
    const looks = new DeliveryLooks(database);
    const found = tenants.map((tenantId) => looks.find(tenantId, newId('image', systemClock), SMALL));
    expect(transactions).toEqual(tenants.slice(0, 3));
    open();
    expect((await Promise.all(found)).map(({ state }) => state)).toEqual(Array(8).fill('missing'));
    expect(transactions).toEqual(tenants);
  });

  it('rest when told to, so that more go together', async () => {
    const imageId = await accept(a);
    const { database, transactions, open } = counted();
    open();
    let restMs = 20;
    const looks = new DeliveryLooks(database, () => restMs);
    await looks.find(a, imageId, SMALL);
    const flood = Array.from({ length: 5 }, () => looks.find(a, imageId, SMALL));
    // At once, the first of them would have gone alone.
    expect(transactions).toEqual([a]);
    restMs = 0;
    await Promise.all(flood);
    expect(transactions).toEqual([a, a]);
    await looks.find(a, imageId, SMALL);
    expect(transactions).toEqual([a, a, a]);
  });

  it('fail together when the database does, and work again afterwards', async () => {
    const imageId = await accept(a);
    let isAway = true;
    const looks = new DeliveryLooks({
      asTenant: (tenantId, work) =>
        isAway ? Promise.reject(new Error('away')) : test.database.asTenant(tenantId, work),
    });
    const flood = await Promise.allSettled(Array.from({ length: 10 }, () => looks.find(a, imageId, SMALL)));
    expect(flood.map(({ status }) => status)).toEqual(Array(10).fill('rejected'));
    isAway = false;
    expect((await looks.find(a, imageId, SMALL)).state).toBe('found');
  });
});
