import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { lowestId } from '../core/ids.ts';
import { selectImages } from './read.sql.ts';
import { listImages } from './read.ts';

describe('a list of images', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  it('of a time reads the part of the index that can hold it, not the whole tenant', async () => {
    const { a } = test.tenants;
    const [since, until] = [lowestId('image', 1), lowestId('image', 2)];
    const plan = await test.database.asTenant(a, async (tx) => {
      await tx.query('SET LOCAL enable_seqscan = off');
      const values = [a, null, null, null, new Date(1), new Date(2), 51, since, until];
      return tx.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${selectImages.text}`, values);
    });
    const conditions = plan.map((row) => row['QUERY PLAN']).filter((line) => line.includes('Index Cond'));
    expect(conditions.join('\n')).toContain(`(image_id >= '${since}'::text) AND (image_id < '${until}'::text)`);
  });

  it('is given up after three seconds, and the connection is as before', async () => {
    const { database, tenants } = test;
    const list = () => listImages(database, tenants.a, { limit: 1 });
    await database.transaction(async (tx) => {
      await tx.query('LOCK TABLE images');
      const startedAt = performance.now();
      await expect(list()).rejects.toMatchObject({ code: '57014' });
      expect(performance.now() - startedAt).toBeLessThan(10_000);
    });
    expect(await list()).toEqual({ images: [], next: undefined });
    expect(await database.query<{ ms: string }>(`SELECT current_setting('statement_timeout') AS ms`)).toEqual([
      { ms: '30s' },
    ]);
  });
});
