import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { systemClock } from '../core/clock.ts';
import { createTenant, findTenant, getTenant, listUrlKeys, retireUrlKey, rotateUrlKey, type Tenant } from './index.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.close());

const newTenant = async (slug: string): Promise<string> =>
  (await db.database.transaction((tx) => createTenant(tx, systemClock, slug))) ?? '';
const rotate = (tenantId: string) => db.database.transaction((tx) => rotateUrlKey(tx, systemClock, tenantId));
const retire = (tenantId: string, keyId: string) =>
  db.database.transaction((tx) => retireUrlKey(tx, systemClock, tenantId, keyId));
const eventsOf = async (tenantId: string) =>
  (
    await db.database.query<{ type: string }>(
      `SELECT type FROM event_inbox WHERE tenant_id = $1 AND type LIKE 'tenant.url%' ORDER BY event_id`,
      [tenantId],
    )
  ).map(({ type }) => type);

const secretsOf = (tenant: Tenant | undefined) => tenant?.urlSecrets.map((secret) => secret.export());

describe('the keys that sign a tenant’s URLs', () => {
  it('begin with one, which is the secret that older builds know', async () => {
    const tenantId = await newTenant('young');
    const [tenant] = await db.database.query<{ url_secret: Buffer }>(
      'SELECT url_secret FROM tenants WHERE tenant_id = $1',
      [tenantId],
    );
    const [key, ...others] = await listUrlKeys(db.database, tenantId);
    expect(others).toEqual([]);
    expect(key?.secret).toEqual(tenant?.url_secret);
    expect(secretsOf(await findTenant(db.database, 'young'))).toEqual([key?.secret]);
  });

  it('are told the newest first, without those that are retired', async () => {
    const tenantId = await newTenant('rotating');
    const [first] = await listUrlKeys(db.database, tenantId);
    await rotate(tenantId);
    const [newest] = await listUrlKeys(db.database, tenantId);
    expect(secretsOf(await getTenant(db.database, tenantId))).toEqual([newest?.secret, first?.secret]);
    await retire(tenantId, first?.keyId ?? '');
    expect(secretsOf(await getTenant(db.database, tenantId))).toEqual([newest?.secret]);
    expect(await eventsOf(tenantId)).toEqual(['tenant.url_key_created', 'tenant.url_key_retired']);
  });

  it('are four at most, also when several people rotate at once', async () => {
    const tenantId = await newTenant('hasty');
    const tries = await Promise.allSettled(Array.from({ length: 6 }, () => rotate(tenantId)));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect((await getTenant(db.database, tenantId))?.urlSecrets).toHaveLength(4);
    await expect(rotate(tenantId)).rejects.toThrow('retire one first');
  });

  it('never become none, and only a live one of the tenant’s own is retired', async () => {
    const tenantId = await newTenant('careful');
    const [only] = await listUrlKeys(db.database, tenantId);
    await expect(retire(tenantId, only?.keyId ?? '')).rejects.toThrow('the only URL key');
    const next = await rotate(tenantId);
    await expect(retire(db.tenants.a, next)).rejects.toThrow('no live URL key');
    const tries = await Promise.allSettled([retire(tenantId, next), retire(tenantId, only?.keyId ?? '')]);
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });
});
