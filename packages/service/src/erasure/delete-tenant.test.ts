import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAsSuperuser, createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { insertOriginals, newJob } from '../../../../test/support/queue.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { errorCode } from '../db/failures.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage } from '../images/index.ts';
import { type ClaimedJob, claim, complete, enqueueMany } from '../jobs/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { beginTenantDeletion, createKey, getTenant, newKeySecret, TenantNotActiveError } from '../tenants/index.ts';
import { advanceDeletion, listDeleting } from './index.ts';
import { tablesToEmpty } from './tables.ts';

const JOBS = 10_000;
const NODES = 4;
const DEADLOCK = '40P01';

describe('the deletion of a tenant', () => {
  let test: TestDatabase;
  let folder: string;
  let store: ObjectStore;
  let superuser: pg.Client;
  const ending = new AbortController();

  beforeAll(async () => {
    test = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'safelight-deletion-'));
    store = await openFsObjectStore({ directory: folder });
    superuser = await connectAsSuperuser(test);
  });
  afterAll(async () => {
    ending.abort();
    await superuser.end();
    await test.close();
    await rm(folder, { recursive: true });
  });

  const one = async (sql: string, values: unknown[] = []) => (await superuser.query(sql, values)).rows[0]?.n as number;
  const advance = (tenantId: string) =>
    advanceDeletion({ database: test.database, store, clock: systemClock }, tenantId, {
      settleMs: 0,
      signal: ending.signal,
    });
  const keysOf = async (prefix: string) => {
    const keys: string[] = [];
    for await (const { key } of store.list(prefix)) keys.push(key);
    return keys;
  };
  const fill = async (tenantId: string, count: number) => {
    const originals = await insertOriginals(test.database, tenantId, count);
    const jobs = originals.map((originalId) => newJob(tenantId, originalId));
    await superuser.query(
      `INSERT INTO renditions (tenant_id, rendition_id, original_id, transformation, digest, state, job_id)
       SELECT $1, 'ren_' || r.job, r.original, 'w=1', sha256(convert_to(r.job, 'UTF8')), 'pending', r.job
       FROM unnest($2::text[], $3::text[]) AS r(original, job)`,
      [tenantId, originals, jobs.map(({ jobId }) => jobId)],
    );
    await superuser.query(
      `INSERT INTO images (tenant_id, image_id, original_id) SELECT $1, 'img_' || o, o FROM unnest($2::text[]) AS o`,
      [tenantId, originals],
    );
    for (let at = 0; at < jobs.length; at += 5_000) await enqueueMany(test.database, jobs.slice(at, at + 5_000));
  };

  /** As a node does that looks again: of two that wait for each other one is broken off, and has claimed nothing. */
  const claimed = async (node: string): Promise<ClaimedJob[]> => {
    for (;;) {
      try {
        return await claim(test.database, node, 8);
      } catch (error) {
        if (errorCode(error) !== DEADLOCK) throw error;
      }
    }
  };

  /** Claims and completes as a node does, until nothing is there; says whose jobs it brought to an end, and when. */
  const work = async (node: string, isOver: () => boolean) => {
    const ended: { tenantId: string; at: number }[] = [];
    for (;;) {
      const jobs = await claimed(node);
      if (jobs.length === 0 && isOver()) return ended;
      for (const job of jobs) {
        // Before it is tried: word of a completion may come late.
        const at = performance.now();
        const done = await test.database.transaction(async (tx) => {
          const isOurs = await complete(tx, job);
          if (isOurs) {
            await tx.query(
              `UPDATE renditions SET state = 'failed', job_id = NULL, cause_code = 'x' WHERE tenant_id = $1 AND job_id = $2`,
              [job.tenantId, job.jobId],
            );
          }
          return isOurs;
        });
        if (done) ended.push({ tenantId: job.tenantId, at });
      }
    }
  };

  it('ends 10,000 jobs that run, while another tenant’s go on', async () => {
    const { a, b } = test.tenants;
    await fill(a, JOBS);
    await fill(b, 300);
    const orphan = `${a}/rendition/${newId('object', systemClock)}`;
    await store.put(orphan, Buffer.from('named by no row'));
    await store.put(`${b}/original/${newId('object', systemClock)}`, Buffer.from('of another'));
    const secret = newKeySecret(systemClock);
    await test.database.transaction((tx) =>
      createKey(tx, systemClock, { tenantId: a, secret, scopes: ['images:read'] }),
    );

    let isOver = false;
    ending.signal.addEventListener('abort', () => {
      isOver = true;
    });
    const nodes = Array.from({ length: NODES }, (_, index) => work(`node_${index}`, () => isOver));
    while ((await one('SELECT count(*)::int AS n FROM jobs')) > JOBS - 100);
    await test.database.transaction((tx) => beginTenantDeletion(tx, systemClock, { tenantId: a, actor: 'operator' }));
    expect(await listDeleting(test.database)).toEqual([a]);
    expect(await advance(a)).toBe(false);
    const emptied = performance.now();
    while (!(await advance(a)));
    isOver = true;
    const ended = (await Promise.all(nodes)).flat();

    expect(ended.filter(({ tenantId, at }) => tenantId === a && at > emptied)).toEqual([]);
    expect(ended.filter(({ tenantId }) => tenantId === b)).toHaveLength(300);
    expect((await getTenant(test.database, a))?.status).toBe('deleted');
    for (const table of await tablesToEmpty(test.database)) {
      expect([table, await one(`SELECT count(*)::int AS n FROM ${table} WHERE tenant_id = $1`, [a])]).toEqual([
        table,
        0,
      ]);
    }
    expect(await one('SELECT count(*)::int AS n FROM images WHERE tenant_id = $1', [b])).toBe(300);
    expect(await store.stat(orphan)).toBeUndefined();
    expect(await keysOf('')).toEqual([expect.stringContaining(b)]);
  });

  it('is not undone by an upload that was under way', async () => {
    const { a } = test.tenants;
    const header = { orientation: 1, hasAlpha: false, space: 'srgb', depth: 'uchar', hasProfile: false } as const;
    const facts = {
      format: 'jpeg' as const,
      bytes: 9,
      width: 9,
      height: 9,
      frames: 1,
      progressive: false,
      palette: false,
    };
    const late = acceptImage(test.database, systemClock, {
      ...{ tenantId: a, bytes: 9, sha256: new Uint8Array(32), filename: undefined, tags: ['x'], actor: 'key_1' },
      objectKey: `${a}/original/${newId('object', systemClock)}`,
      facts: { ...header, ...facts },
      address: undefined,
    });
    await expect(late).rejects.toThrow(TenantNotActiveError);
    expect(await one('SELECT count(*)::int AS n FROM originals WHERE tenant_id = $1', [a])).toBe(0);
  });

  it('empties every table of tenants but those of history and usage, children first', async () => {
    const tables = await tablesToEmpty(test.database);
    expect(tables).toEqual(expect.arrayContaining(['jobs', 'keys', 'images', 'originals', 'url_keys']));
    expect(tables.indexOf('images')).toBeLessThan(tables.indexOf('originals'));
    expect(tables.filter((name) => /^(events?_|events|usage_|tenants$)/.test(name))).toEqual([]);
  });
});
