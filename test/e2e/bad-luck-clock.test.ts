import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planPricesSchema } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { Database } from '../../packages/service/src/db/database.ts';
import {
  type EmbeddedCluster,
  findBinaries,
  startEmbeddedCluster,
} from '../../packages/service/src/db/embedded/index.ts';
import { createLogin, SERVICE_LOGIN } from '../../packages/service/src/db/login.ts';
import { migrate } from '../../packages/service/src/db/migrate.ts';
import { createTenant } from '../../packages/service/src/tenants/index.ts';
import { readUsage, recountUsage, setBudget } from '../../packages/service/src/usage/index.ts';
import { expectUrls, imageIdOf, readEvents } from '../support/answers.ts';
import { createTestClock, findFaketime, type TestClock, withClock } from '../support/faketime.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, workersOf } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const library = findFaketime();
const DAY_MS = 86_400_000;
const PASSWORD = 'a-password-for-tests';

describe.skipIf(library === undefined)('a clock that jumps, of node and database alike (needs libfaketime)', () => {
  let folder: string;
  let clock: TestClock;
  let cluster: EmbeddedCluster;
  let database: Database;
  let startNode: () => Promise<Safelight>;
  let node: Safelight;
  let photo: Buffer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-clock-'));
    await chmod(folder, 0o755);
    photo = await smallPhoto();
    clock = await createTestClock(library ?? '', folder);
    const binaries = await withClock(findBinaries(), clock, join(folder, 'binaries'));
    cluster = await startEmbeddedCluster({ directory: join(folder, 'postgres'), binaries, log: () => undefined });
    await createLogin(cluster.connection, 'safelight', PASSWORD);
    await migrate({ ...cluster.connection, database: 'safelight' });
    const connection = { ...cluster.connection, database: 'safelight', user: SERVICE_LOGIN, password: PASSWORD };
    database = new Database({ connection, connectionsMax: 2, namedStatements: true, onError: () => undefined });
    await database.transaction((tx) => createTenant(tx, systemClock, 'demo'));
    const url = `postgres://${SERVICE_LOGIN}:${PASSWORD}@/safelight?host=${encodeURIComponent(connection.host)}&port=${connection.port}`;
    const objects = `file:${join(folder, 'objects')}`;
    const settings = { SAFELIGHT_PUBLIC_TENANT: 'demo', SAFELIGHT_WORKERS: '1', SAFELIGHT_OBJECTS: objects };
    startNode = () => Safelight.start({ env: { DATABASE_URL: url, ...settings, ...clock.env } });
    node = await startNode();
  });
  afterAll(async () => {
    await node.close();
    await database.close();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** What the database takes for the time, against the machine. */
  async function offsetMs(): Promise<number> {
    const [row] = await database.query<{ now: Date }>('SELECT now()');
    return (row?.now.getTime() ?? Number.NaN) - Date.now();
  }

  async function session(): Promise<{ cookie: string }> {
    const response = await fetch(`${node.url}/v1/session`, { method: 'POST' });
    return { cookie: (response.headers.get('set-cookie') ?? '').split(';')[0] ?? '' };
  }

  it.each([
    ['a day ahead', '+1d', DAY_MS],
    ['back again', '+0', 0],
    ['a day behind', '-1d', -DAY_MS],
    ['forward again', '+0', 0],
  ])('by a jump %s freezes no lease, no retry, no wait and no stream of events', async (_, offset, expectedMs) => {
    const [worker = 0] = await awaitWorkers(node, 1);
    // One job is leased while the clock jumps, another waits.
    process.kill(worker, 'SIGSTOP');
    const held = await expectUrls(await node.upload(unlike(photo)));
    const waiting = await expectUrls(await node.upload(unlike(photo)));
    await until('a job is leased', async () => {
      const rows = await database.query(`SELECT FROM jobs WHERE state = 'leased'`);
      return rows.length === 1;
    });
    const stream = await fetch(`${node.url}/v1/images/${imageIdOf(held.small)}/events`, { headers: await session() });
    const events = readEvents(stream, (seen) => seen.length >= 4);
    await clock.set(offset);
    await until('the clock has jumped', async () => Math.abs((await offsetMs()) - expectedMs) < 60_000);
    process.kill(worker, 'SIGKILL');
    for (const url of [held.small, waiting.small]) expect((await fetch(url)).status).toBe(200);
    expect((await events).map(({ type }) => type).slice(1)).toEqual(Array(3).fill('rendition.ready'));
    const later = await expectUrls(await node.upload(unlike(photo)));
    expect((await fetch(later.large)).status).toBe(200);
    const { cookie } = await session();
    const page = await fetch(`${node.url}/v1/images?limit=3`, { headers: { cookie } });
    const { images } = (await page.json()) as { images: { createdAt: string }[] };
    expect(images).toHaveLength(3);
    await until('no job is left', async () => (await database.query('SELECT FROM jobs')).length === 0);
  });

  it('set back frees the jobs of a node that vanished while it was ahead', async () => {
    await clock.set('+1d');
    await until('the clock has jumped', async () => (await offsetMs()) > DAY_MS / 2);
    const gone = await startNode();
    const [worker = 0] = await awaitWorkers(gone, 1);
    process.kill(worker, 'SIGSTOP');
    // So that the job is the vanishing node's, for certain.
    for (const pid of workersOf(node)) process.kill(pid, 'SIGSTOP');
    const first = await expectUrls(await gone.upload(unlike(photo)));
    const second = await expectUrls(await gone.upload(unlike(photo)));
    await until('both nodes hold a job', async () => {
      const rows = await database.query<{ count: number }>(`SELECT count(*) FROM jobs WHERE state = 'leased'`);
      return rows[0]?.count === 2;
    });
    await gone.kill();
    await clock.set('+0');
    for (const pid of workersOf(node)) process.kill(pid, 'SIGCONT');
    for (const { small } of [first, second]) {
      const { pathname, search } = new URL(small);
      const url = `${node.url}${pathname}${search}`;
      await until('it is ready', async () => (await fetch(url)).status === 200, 30_000);
    }
    await gone.close();
  });

  it('over the end of a month: each month has what was used in it, and a budget begins anew and holds again when it is set back', async () => {
    const prices = planPricesSchema.parse({ renderSecond: 1_000_000 });
    const [tenant] = await database.query<{ id: string }>(`SELECT tenant_id AS id FROM tenants WHERE slug = 'demo'`);
    const tenantId = tenant?.id ?? '';
    await database.query(`UPDATE plans SET prices = $1::jsonb, version = version + 1`, [JSON.stringify(prices)]);
    await database.query('DELETE FROM usage_prices');
    const month = () =>
      database.asTenant(tenantId, async (tx) => (await readUsage(tx, tenantId, { by: 'day' }, prices)).month);
    for (let picture = 0; picture < 4; picture += 1) await expectUrls(await node.upload(unlike(photo)));
    const first = await until('all of it is metered', async () => {
      const metered = await recountUsage(database, tenantId);
      const isDone = metered.isMetered && (await database.query('SELECT FROM jobs')).length === 0;
      return isDone && month();
    });
    // What it has cost already is all that it may cost.
    const plan = { name: 'unlimited', version: 2, prices };
    const bounds = { softMicros: null, hardMicros: Math.floor(first.costMicros) };
    await database.transaction((tx) => setBudget(tx, systemClock, tenantId, bounds, { actor: 'test', plan }));
    const uploads = (status: number) =>
      until(`an upload is answered ${status}`, async () => (await node.upload(unlike(photo))).status === status);
    await uploads(402);
    const over = Math.ceil((first.end - Date.now()) / 1_000) + 60;
    await clock.set(`+${over}`);
    await until('the month is over', async () => (await month()).start === first.end);
    // The same budget holds the month that begins, in which nothing has been used.
    await uploads(202);
    const second = await until('its work is metered', async () => {
      const now = await month();
      return now.costMicros > 0 && now;
    });
    expect(second.start).toBe(first.end);
    await clock.set('+0');
    await until('it is the first month again', async () => (await month()).start === first.start);
    expect((await month()).costMicros).toBeGreaterThanOrEqual(first.costMicros);
    await uploads(402);
  });
});
