import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, TENANT_A, TENANT_B, type TestDatabase } from '../../../../test/support/database.ts';
import { systemClock } from '../core/clock.ts';
import {
  DOMAINS_MAX,
  findTenantOfHost,
  getTenant,
  type LookUpTexts,
  listDomains,
  proofText,
  putDomain,
  removeDomain,
} from './index.ts';

let db: TestDatabase;
/** What the DNS says, by name. */
const records = new Map<string, readonly string[]>();
const texts: LookUpTexts = async (name) => records.get(name) ?? [];

beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.close());

const put = (tenantId: string, host: string, isPrimary?: boolean) =>
  putDomain(db.database, systemClock, { tenantId, actor: 'key_1', host }, { texts, isPrimary });
const remove = (tenantId: string, host: string) =>
  removeDomain(db.database, systemClock, { tenantId, actor: 'key_1', host });
const hostsOf = async (tenantId: string) =>
  (await db.database.asTenant(tenantId, (tx) => listDomains(tx, tenantId))).map(({ host }) => host);
const domainOf = async (tenantId: string) => (await getTenant(db.database, tenantId))?.domain;
const prove = async (tenantId: string, host: string) => {
  const { challenge } = await put(tenantId, host);
  records.set(`_safelight.${host}`, ['v=spf1 -all', proofText({ challenge })]);
};
const eventsOf = async (tenantId: string) =>
  db.database.query<{ type: string; data: unknown }>(
    `SELECT type, data FROM event_inbox WHERE tenant_id = $1 AND type LIKE 'domain.%' ORDER BY event_id`,
    [tenantId],
  );

describe('a host', () => {
  it('is nobody’s until a TXT record of its own says whose it is', async () => {
    await put(TENANT_A, 'img.a.example');
    expect(await findTenantOfHost(db.database, 'img.a.example')).toBeUndefined();
    records.set('_safelight.img.a.example', ['safelight=of-somebody-else']);
    expect((await put(TENANT_A, 'img.a.example')).verifiedAt).toBeUndefined();
    await prove(TENANT_A, 'img.a.example');
    const proved = await put(TENANT_A, 'img.a.example');
    expect([proved.verifiedAt instanceof Date, proved.isPrimary]).toEqual([true, true]);
    expect(await findTenantOfHost(db.database, 'img.a.example')).toBe(TENANT_A);
    expect(await domainOf(TENANT_A)).toBe('img.a.example');
    expect((await eventsOf(TENANT_A)).map(({ data }) => data)).toEqual([
      { host: 'img.a.example', proved: false, isPrimary: false },
      { host: 'img.a.example', proved: true, isPrimary: true },
    ]);
  });

  it('stays proved when its record goes, and is claimed by others in vain', async () => {
    records.delete('_safelight.img.a.example');
    expect((await put(TENANT_A, 'img.a.example')).verifiedAt).toBeInstanceOf(Date);
    await prove(TENANT_B, 'img.a.example');
    await expect(put(TENANT_B, 'img.a.example')).rejects.toMatchObject({ reason: 'taken' });
    expect(await findTenantOfHost(db.database, 'img.a.example')).toBe(TENANT_A);
    await remove(TENANT_A, 'img.a.example');
    await put(TENANT_B, 'img.a.example');
    expect(await findTenantOfHost(db.database, 'img.a.example')).toBe(TENANT_B);
    expect([await domainOf(TENANT_A), await domainOf(TENANT_B)]).toEqual([undefined, 'img.a.example']);
    expect(await remove(TENANT_A, 'img.a.example')).toBe(false);
  });

  it('goes before the others where that is asked, one at a time', async () => {
    await prove(TENANT_B, 'two.b.example');
    expect((await put(TENANT_B, 'two.b.example')).isPrimary).toBe(false);
    expect((await put(TENANT_B, 'two.b.example', true)).isPrimary).toBe(true);
    expect(await domainOf(TENANT_B)).toBe('two.b.example');
    expect((await put(TENANT_B, 'two.b.example', false)).isPrimary).toBe(false);
    expect(await domainOf(TENANT_B)).toBeUndefined();
  });

  it('is one of a bounded number', async () => {
    const known = (await hostsOf(TENANT_A)).length;
    for (let n = known; n < DOMAINS_MAX; n += 1) await put(TENANT_A, `img-${n}.a.example`);
    await expect(put(TENANT_A, 'one-more.a.example')).rejects.toMatchObject({ reason: 'too_many' });
    expect((await put(TENANT_A, `img-${DOMAINS_MAX - 1}.a.example`)).host).toBe(`img-${DOMAINS_MAX - 1}.a.example`);
  });
});
