import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { sourceFacts, uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { acceptImage } from '../images/index.ts';
import { claim } from '../jobs/index.ts';
import { endRenditions } from '../renditions/end.ts';
import { renditionDigest } from '../renditions/index.ts';
import { createTenant, getTenant, onUpload } from '../tenants/index.ts';
import { advancePasses, getPreset, listPresets, putPreset, removePreset, sweepFormerPresets } from './index.ts';

const NEVER = new AbortController().signal;

let test: TestDatabase;
/** Tenants of this test alone. */
let a: string;
let b: string;
beforeAll(async () => {
  test = await createTestDatabase();
});
beforeEach(async () => {
  // What another test left would be worked upon here.
  await test.database.query(`UPDATE presets SET finished_at = now(), late_to = NULL`);
  await test.database.query('DELETE FROM former_presets');
  [a, b] = [await addTenant(), await addTenant()];
});
afterAll(() => test.close());

async function addTenant(): Promise<string> {
  const slug = `t${randomBytes(8).toString('hex')}`;
  const tenantId = await test.database.transaction((tx) => createTenant(tx, systemClock, slug));
  if (tenantId === undefined) throw new Error('the name is taken');
  return tenantId;
}

/** Originals of A, of which nothing is made yet. */
const addOriginals = (count: number) =>
  test.database.query(
    `INSERT INTO originals (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
     SELECT $1, 'orig_' || lpad(n::text, 26, '0'), decode(lpad(to_hex(n), 64, '0'), 'hex'), $1 || '/' || n,
       1000, 'jpeg', 1200, 800, 1, $2::jsonb
     FROM generate_series(1, $3::int) AS n`,
    [a, JSON.stringify(sourceFacts()), count],
  );

const act = (name: string, tenantId = a) => ({ tenantId, actor: 'key_1', name });
const put = (name: string, transformation: string, onUpload = true) =>
  test.database.asTenant(a, (tx) => putPreset(tx, systemClock, act(name), { transformation, onUpload }));
const remove = (name: string) => test.database.asTenant(a, (tx) => removePreset(tx, systemClock, act(name)));
const turn = async (pendingMax?: number) => {
  const deps = { database: test.database, clock: systemClock, ...(pendingMax && { pendingMax }) };
  return (await advancePasses(deps, NEVER)).ordered;
};
const presetsOf = async (tenantId: string) => {
  const tenant = await getTenant(test.database, tenantId);
  if (!tenant) throw new Error('there is no such tenant');
  return tenant.presets;
};
const accept = async (tenantId: string, bytes = randomBytes(8)) => {
  const presets = await presetsOf(tenantId);
  const { image } = await acceptImage(test.database, systemClock, { ...uploadOf(tenantId, bytes), presets });
  return image;
};
const stateOf = async (originalId: string, transformation: string) => {
  const [row] = await test.database.query<{ state: string; lane: string | null }>(
    `SELECT r.state, j.lane FROM renditions r LEFT JOIN jobs j USING (tenant_id, job_id)
     WHERE r.original_id = $1 AND r.digest = $2`,
    [originalId, renditionDigest(transformation)],
  );
  return row;
};
const changes = () =>
  test.database.query<{ type: string; data: unknown }>(
    `SELECT type, data FROM event_inbox WHERE tenant_id = $1 AND type LIKE 'preset.%' ORDER BY event_id`,
    [a],
  );

/** Ends every job there is, as a worker would; of what `fails` names, badly. */
async function work(fails: (originalId: string) => boolean = () => false): Promise<void> {
  for (;;) {
    const jobs = await claim(test.database, newId('node', systemClock), 50);
    if (jobs.length === 0) return;
    for (const job of jobs) {
      const owed = await test.database.query<{ rendition_id: string }>(
        `SELECT rendition_id FROM renditions WHERE tenant_id = $1 AND job_id = $2 AND state = 'pending'`,
        [job.tenantId, job.jobId],
      );
      const cause = { code: 'decode_failed', message: 'no picture' };
      const made = () => ({
        ...{ objectKey: `${job.tenantId}/rendition/${newId('object', systemClock)}`, sha256: randomBytes(32) },
        ...{ bytes: 10, format: 'jpg', width: 1, height: 1, renderMs: 1 },
      });
      const ids = owed.map(({ rendition_id: renditionId }) => renditionId);
      const ready = fails(job.originalId) ? [] : ids.map((renditionId) => ({ renditionId, made: made() }));
      const failed = fails(job.originalId) ? ids.map((renditionId) => ({ renditionId, cause })) : [];
      await endRenditions(test.database, systemClock, job, { ready, failed }, true);
    }
  }
}

describe('a preset of a tenant', () => {
  it('stands beside the built-in ones or in their place, for that tenant alone', async () => {
    await put('hero', 'w=1600&fm=webp');
    await put('small', 'fit=max&h=50&w=50', false);
    const { current, former } = await presetsOf(a);
    expect([...current.keys()]).toEqual(['small', 'medium', 'large', 'hero']);
    expect(current.get('small')).toMatchObject({ version: 2, onUpload: false });
    expect(current.get('hero')).toMatchObject({ version: 1, transformation: 'w=1600&fm=webp' });
    expect(former.get('small')).toEqual(['fit=max&h=100&w=100']);
    expect(onUpload({ current, former })).not.toContain('fit=max&h=50&w=50');
    expect([...(await presetsOf(b)).current.keys()]).toEqual(['small', 'medium', 'large']);
    expect((await listPresets(test.database, b)).map(({ version }) => version)).toEqual([1, 1, 1]);
  });

  it('has a new version with each new transformation, and none when it stays what it is', async () => {
    await put('hero', 'w=1');
    await put('hero', 'w=1');
    await put('hero', 'w=2');
    await put('hero', 'w=2', false);
    await put('hero', 'w=1', false);
    expect(await getPreset(test.database, a, 'hero')).toMatchObject({ version: 3, transformation: 'w=1' });
    expect((await changes()).map(({ data }) => (data as { version: number }).version)).toEqual([1, 2, 2, 3]);
    await remove('hero');
    expect(await getPreset(test.database, a, 'hero')).toBeUndefined();
    await put('hero', 'w=9');
    expect((await presetsOf(a)).current.get('hero')?.version).toBe(4);
  });

  it('that is built in becomes what it was when it is removed; one that is not there cannot be', async () => {
    await put('small', 'w=7');
    expect(await remove('small')).toBe(true);
    expect((await presetsOf(a)).current.get('small')).toMatchObject({
      version: 3,
      transformation: 'fit=max&h=100&w=100',
    });
    expect(await remove('medium')).toBe(false);
    expect(await remove('hero')).toBe(false);
  });

  it('is refused beyond 32 names, and beyond 32 transformations of one that are not swept', async () => {
    for (let n = 0; n < 32; n += 1) await put(`p${n}`, 'w=1');
    await expect(put('one-more', 'w=1')).rejects.toMatchObject({ bound: { name: 'presetsMax', limit: 32 } });
    for (let w = 2; w < 34; w += 1) await put('p0', `w=${w}`);
    await expect(put('p0', 'w=99')).rejects.toMatchObject({ bound: { name: 'formerPresetsMax', limit: 32 } });
  });
});

describe('a change of a preset', () => {
  it('has every picture that is there made anew in the lane batch, and counts them', async () => {
    const images = [await accept(a), await accept(a), await accept(a)];
    const theirs = await accept(b);
    await work();
    await put('hero', 'w=5');
    expect((await getPreset(test.database, a, 'hero'))?.progress).toEqual({
      ...{ version: 1, total: 3, done: 0, failed: 0, pending: 3 },
    });
    expect(await turn()).toBe(3);
    expect(await stateOf(images[0]?.originalId ?? '', 'w=5')).toEqual({ state: 'pending', lane: 'batch' });
    expect(await stateOf(theirs.originalId, 'w=5')).toBeUndefined();
    await work((originalId) => originalId === images[1]?.originalId);
    const ended = { version: 1, total: 3, done: 2, failed: 1, pending: 0 };
    // Before they are counted, and after.
    expect((await getPreset(test.database, a, 'hero'))?.progress).toEqual(ended);
    expect(await turn()).toBe(0);
    expect((await getPreset(test.database, a, 'hero'))?.progress).toEqual(ended);
    const told = await test.database.query<{ preset: string }>(
      `SELECT data ->> 'preset' AS preset FROM event_inbox
       WHERE tenant_id = $1 AND type LIKE 'rendition.%' AND data ->> 'transformation' = 'w=5'`,
      [a],
    );
    expect(told.map(({ preset }) => preset)).toEqual(['hero', 'hero', 'hero']);
  });

  it('orders nothing anew of a preset that is made on demand', async () => {
    const { originalId } = await accept(a);
    await put('hero', 'w=5', false);
    expect(await turn()).toBe(0);
    expect(await stateOf(originalId, 'w=5')).toBeUndefined();
  });

  it('never has more than so many renditions of a tenant wait in that lane, and goes on as they are made', async () => {
    await addOriginals(40);
    await put('hero', 'w=5');
    expect(await turn(30)).toBe(30);
    expect(await turn(30)).toBe(0);
    await work();
    expect(await turn(30)).toBe(10);
    await work();
    await turn(30);
    expect((await getPreset(test.database, a, 'hero'))?.progress).toMatchObject({ total: 40, done: 40, pending: 0 });
  });

  it('is gone through once by any number of nodes at the same time', async () => {
    await addOriginals(40);
    await put('hero', 'w=5');
    const ordered = await Promise.all([turn(), turn(), turn()]);
    const rest = await turn();
    expect(ordered.reduce((sum, count) => sum + count, rest)).toBe(40);
    await work();
    await turn();
    expect((await getPreset(test.database, a, 'hero'))?.progress).toMatchObject({ total: 40, done: 40, failed: 0 });
  });

  it('begins anew with the next change, and its pictures that are gone are not waited for', async () => {
    const image = await accept(a);
    await accept(a);
    await work();
    await put('hero', 'w=5');
    await turn();
    await test.database.query('DELETE FROM renditions WHERE original_id = $1', [image.originalId]);
    await test.database.query('UPDATE images SET deleted_at = now(), original_id = NULL WHERE image_id = $1', [
      image.imageId,
    ]);
    await test.database.query('DELETE FROM jobs WHERE original_id = $1', [image.originalId]);
    await test.database.query('DELETE FROM originals WHERE original_id = $1', [image.originalId]);
    await work();
    await turn();
    expect((await getPreset(test.database, a, 'hero'))?.progress).toMatchObject({ total: 1, done: 1, pending: 0 });
    await put('hero', 'w=6');
    expect((await getPreset(test.database, a, 'hero'))?.progress).toMatchObject({ version: 2, done: 0, pending: 1 });
  });

  it('reaches an upload that a node took before it had heard of it, when it is sure to be committed', async () => {
    await put('hero', 'w=5');
    await turn();
    const before = { ...systemClock, now: () => systemClock.now() - 125_000 };
    const { image } = await acceptImage(test.database, before, uploadOf(a, randomBytes(8)));
    await work();
    await turn();
    expect(await stateOf(image.originalId, 'w=5')).toBeUndefined();
    await test.database.query(`UPDATE presets SET changed_at = now() - interval '125 s' WHERE tenant_id = $1`, [a]);
    expect(await turn()).toBe(1);
    expect(await stateOf(image.originalId, 'w=5')).toMatchObject({ state: 'pending' });
    expect(await turn()).toBe(0);
    expect(await test.database.query('SELECT FROM presets WHERE tenant_id = $1 AND late_to IS NOT NULL', [a])).toEqual(
      [],
    );
  });
});

describe('what a preset stood for before', () => {
  it('is dropped when its time is over and all is made anew, unless a preset stands for it again', async () => {
    const image = await accept(a);
    await work();
    await put('small', 'w=5');
    await put('medium', 'w=6');
    await put('medium', 'fit=max&h=300&w=300');
    const sweep = (formerDays: number) =>
      sweepFormerPresets({ database: test.database, clock: systemClock, formerDays }, NEVER);
    expect(await sweep(0)).toBe(0);
    for (let turns = 0; turns < 3; turns += 1) {
      await turn();
      await work();
    }
    await turn();
    expect(await sweep(7)).toBe(0);
    expect(await sweep(0)).toBe(1);
    expect(await stateOf(image.originalId, 'fit=max&h=100&w=100')).toBeUndefined();
    expect(await stateOf(image.originalId, 'fit=max&h=300&w=300')).toMatchObject({ state: 'ready' });
    expect((await presetsOf(a)).former.size).toBe(0);
    const [dropped] = await test.database.query<{ data: unknown }>(
      `SELECT data FROM event_inbox WHERE tenant_id = $1 AND type = 'storage.dropped'`,
      [a],
    );
    expect(dropped?.data).toEqual({ objects: 1, storedBytes: -10 });
  });
});
