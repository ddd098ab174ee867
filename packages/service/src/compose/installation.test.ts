import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createTestDatabase } from '../../../../test/support/database.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { claimObjects, ForeignObjectsError } from './installation.ts';

it('a database takes an empty store for its own, and no other database may take that store after', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'safelight-installation-'));
  const mine = await createTestDatabase();
  try {
    const store = await openFsObjectStore({ directory: folder });
    await claimObjects(mine.database, store);
    await claimObjects(mine.database, store);
    await expect(claimObjects(stranger, store)).rejects.toThrow(ForeignObjectsError);
  } finally {
    await mine.close();
    await rm(folder, { recursive: true });
  }
});

/** A clone of one template has its id; this one says to be another. */
const stranger = {
  query: async <Row>() => [{ installation_id: 'inst_another' }] as Row[],
};
