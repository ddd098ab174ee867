import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderSchema } from '../../../../scripts/reference/schema.ts';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';

const DOCUMENT = new URL('../../../../docs/reference/schema.md', import.meta.url);

describe.each([18, 15] as const)('docs/reference/schema.md, on PostgreSQL %i', (major) => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase(major);
  });
  afterAll(() => db.close());

  it('says what the migrations make; `npm run reference` writes it anew', async () => {
    expect(await renderSchema((sql) => db.database.query(sql))).toBe(await readFile(DOCUMENT, 'utf8'));
  });
});
