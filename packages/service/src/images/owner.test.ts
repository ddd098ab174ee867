import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, TENANT_A, TENANT_B, type TestDatabase } from '../../../../test/support/database.ts';
import { findTenantOfImage } from './owner.ts';

describe('the tenant of an image', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
    await db.database.query(
      `INSERT INTO images (tenant_id, image_id, deleted_at)
       VALUES ($1, 'img_a', now()), ($2, 'img_b', now()), ($1, 'img_both', now()), ($2, 'img_both', now())`,
      [TENANT_A, TENANT_B],
    );
  });
  afterAll(() => db.close());

  it('is found by the image alone, while no tenant’s transaction finds another’s', async () => {
    expect(await findTenantOfImage(db.database, 'img_a')).toBe(TENANT_A);
    expect(await findTenantOfImage(db.database, 'img_b')).toBe(TENANT_B);
    const fromA = (image: string) => db.database.asTenant(TENANT_A, (tx) => findTenantOfImage(tx, image));
    expect([await fromA('img_a'), await fromA('img_b')]).toEqual([TENANT_A, undefined]);
  });

  it('is found without reading along everybody’s images', async () => {
    await db.database.query(
      `INSERT INTO images (tenant_id, image_id, deleted_at) SELECT $1, 'img_' || n, now() FROM generate_series(1, 20000) n`,
      [TENANT_A],
    );
    const plan = await db.database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN SELECT tenant_id FROM images WHERE image_id = 'img_7' LIMIT 2`,
    );
    expect(JSON.stringify(plan)).toContain('images_by_id');
  });

  it('is nobody where there is no such image, or where two have one', async () => {
    expect(await findTenantOfImage(db.database, 'img_c')).toBeUndefined();
    expect(await findTenantOfImage(db.database, 'img_both')).toBeUndefined();
  });
});
