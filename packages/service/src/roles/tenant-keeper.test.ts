import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { until } from '../../../../test/support/until.ts';
import { systemClock } from '../core/clock.ts';
import { lowestId } from '../core/ids.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { enqueueMany } from '../jobs/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { beginTenantDeletion, changeTenant, getTenant, resumeTenant, suspendTenant } from '../tenants/index.ts';
import type { Background } from './background.ts';
import { startTenantKeeper } from './tenant-keeper.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe('the keeper of tenants', () => {
  let test: TestDatabase;
  let folder: string;
  let store: ObjectStore;
  let keeper: Background;
  const parts = () => ({ database: test.database, store, clock: systemClock, log: pino({ level: 'silent' }) });
  beforeAll(async () => {
    test = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'safelight-keeper-'));
    store = await openFsObjectStore({ directory: folder });
  });
  afterAll(async () => {
    await keeper.stop();
    await test.close();
    await rm(folder, { recursive: true });
  });

  const act = (tenantId: string) => ({ tenantId, actor: 'operator' });
  const states = async (tenantId: string) => {
    const rows = await test.database.query<{ state: string }>('SELECT state FROM jobs WHERE tenant_id = $1', [
      tenantId,
    ]);
    return [...new Set(rows.map(({ state }) => state))].join();
  };
  const imagesOf = async (tenantId: string) => {
    const rows = await test.database.query<{ id: string }>(
      'SELECT image_id AS id FROM images WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY image_id',
      [tenantId],
    );
    return rows.map(({ id }) => id);
  };

  it('deletes images beyond their tenant’s retention, and no others', async () => {
    const { a, b } = test.tenants;
    const ages = [40, 31, 29, 0].map((days) => systemClock.now() - days * DAY_MS);
    for (const tenantId of [a, b]) {
      const originals = await insertOriginals(test.database, tenantId, ages.length);
      for (const [index, at] of ages.entries()) {
        await test.database.query(
          'INSERT INTO images (tenant_id, image_id, original_id, created_at) VALUES ($1, $2, $3, $4)',
          [tenantId, lowestId('image', at), originals[index] ?? '', new Date(at)],
        );
      }
    }
    await test.database.transaction((tx) => changeTenant(tx, systemClock, act(a), { settings: { retentionDays: 30 } }));
    keeper = startTenantKeeper({ ...parts(), pollMs: 20, settleMs: 0 });
    const young = ages.slice(2).map((at) => lowestId('image', at));
    await until('the old ones are deleted', async () => (await imagesOf(a)).length === 2);
    expect(await imagesOf(a)).toEqual(young.sort());
    expect(await imagesOf(b)).toHaveLength(ages.length);
  });

  it('holds the jobs of who is suspended, and releases them when he is resumed', async () => {
    const { a } = test.tenants;
    const jobs = (await insertOriginals(test.database, a, 20)).map((originalId) => newJob(a, originalId));
    await enqueueMany(test.database, jobs);
    await test.database.transaction((tx) => suspendTenant(tx, systemClock, act(a), true));
    await until('all are held', async () => (await states(a)) === 'held');
    await test.database.transaction((tx) => resumeTenant(tx, systemClock, act(a)));
    await until('all are queued', async () => (await states(a)) === 'queued');
  });

  it('carries a deletion to its end', async () => {
    const { a, b } = test.tenants;
    await test.database.transaction((tx) => beginTenantDeletion(tx, systemClock, act(a)));
    await until('it is deleted', async () => (await getTenant(test.database, a))?.status === 'deleted');
    expect(await imagesOf(a)).toEqual([]);
    expect(await imagesOf(b)).toHaveLength(4);
  });
});
