import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { FaultProxy } from '../../../../test/support/fault-proxy.ts';
import { until } from '../../../../test/support/until.ts';
import type { BreakerState } from '../core/breaker.ts';
import type { Deadline } from '../core/deadline.ts';
import { Database } from './database.ts';

let test: TestDatabase;
let proxy: FaultProxy;
let open: Database[];

beforeAll(async () => {
  test = await createTestDatabase();
  proxy = await FaultProxy.beforeDatabase(test.service);
  open = [];
});
afterAll(async () => {
  for (const database of open) await database.close();
  await proxy.stop();
  await test.close();
});

/** One host, by way of the proxy. */
function connect(connectionsMax: number, waitingMax = 2_000) {
  const states: BreakerState[] = [];
  let retries = 0;
  const database = new Database({
    connection: { ...test.service, host: '127.0.0.1', port: proxy.port },
    connectionsMax,
    waitingMax,
    namedStatements: true,
    onError: () => undefined,
    observer: {
      onBreaker: (state) => states.push(state),
      onRetry: () => {
        retries += 1;
      },
    },
  });
  open.push(database);
  return { database, states, retries: () => retries };
}

function deadlineIn(ms: number, clientGone?: AbortSignal): Deadline {
  const at = performance.now() + ms;
  const signals = [AbortSignal.timeout(ms), ...(clientGone ? [clientGone] : [])];
  return { signal: AbortSignal.any(signals), leftMs: () => at - performance.now() };
}

async function msOf(work: Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work.catch(() => undefined);
  return performance.now() - since;
}

const sleepOf = (seconds: number) => `SELECT pg_sleep(${seconds})`;

it('a database whose statements all run out of their time is not asked for a while, then once', async () => {
  const { database, states } = connect(4);
  const slow = () =>
    database.transaction(async (tx) => {
      await tx.query('SET LOCAL statement_timeout = 5');
      return tx.query(sleepOf(1));
    });
  for (let n = 0; n < 8; n += 1) await expect(slow()).rejects.toMatchObject({ code: '57014' });
  expect(states).toEqual(['open']);
  const refused = database.query('SELECT 1');
  expect(await msOf(refused)).toBeLessThan(100);
  await expect(refused).rejects.toMatchObject({ code: '08000' });
  await until('one goes through', async () => (await database.query('SELECT 1')).length === 1);
  expect(states).toEqual(['open', 'half-open', 'closed']);
});

it('in a brown-out of one answer in ten nothing is refused, and nothing is lost', async () => {
  const { database, states } = connect(4);
  await database.query('CREATE TABLE IF NOT EXISTS public.kept (n integer)').catch(() => undefined);
  await database.query('SELECT 1');
  await proxy.set({ kind: 'slow', ms: 1_000, nth: 10 });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => database.query('SELECT $1::int AS n', [n])));
  expect(answers.flat()).toEqual(Array.from({ length: 60 }, (_, n) => ({ n })));
  expect(proxy.answers).toBeGreaterThanOrEqual(60);
  expect(states).toEqual([]);
  await proxy.set(undefined);
});

it('a transaction whose deadline passes in the line for a connection is not begun', async () => {
  const { database } = connect(1);
  const busy = database.query(sleepOf(1.5));
  let isBegun = false;
  const late = database.within(deadlineIn(200)).asTenant(test.tenants.a, async () => {
    isBegun = true;
  });
  expect(await msOf(late)).toBeLessThan(1_000);
  await expect(late).rejects.toMatchObject({ name: 'TimeoutError' });
  const client = new AbortController();
  const gone = database.within(deadlineIn(60_000, client.signal)).asTenant(test.tenants.a, async () => {
    isBegun = true;
  });
  client.abort(new Error('the client has gone'));
  await expect(gone).rejects.toThrow('the client has gone');
  await busy;
  await database.query('SELECT 1');
  expect(isBegun).toBe(false);
  expect(database.counts().waiting).toBe(0);
});

it('a statement takes no longer than what is left of its deadline', async () => {
  const { database, states } = connect(1);
  for (let n = 0; n < 9; n += 1) {
    const slow = database.within(deadlineIn(100)).asTenant(test.tenants.a, (tx) => tx.query(sleepOf(5)));
    expect(await msOf(slow)).toBeLessThan(2_000);
    await expect(slow).rejects.toMatchObject({ code: '57014' });
  }
  // That their clients have little time says nothing of the database.
  expect(states).toEqual([]);
  const [row] = await database.query<{ ms: string }>('SHOW statement_timeout');
  expect(row).toEqual({ statement_timeout: '30s' });
});

it('what a transaction failed with first is told, not that the rest was ignored', async () => {
  const { database } = connect(1);
  const failing = database.transaction(async (tx) => {
    await tx.query('SET LOCAL statement_timeout = 20');
    // The second is heard of first, since less is done with its answer.
    const slow = tx.query(sleepOf(1)).then(Array.from).then(Array.from).then(Array.from);
    await Promise.all([slow, tx.query('SELECT 1')]);
  });
  await expect(failing).rejects.toMatchObject({ code: '57014' });
});

it('transactions that lose to others are done again as a share of all, however many lose', async () => {
  const { database, retries } = connect(8);
  let tried = 0;
  const lose = () =>
    database.transaction((tx) => {
      tried += 1;
      return tx.query(`DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$`);
    });
  await expect(lose()).rejects.toMatchObject({ code: '40001' });
  expect(tried).toBe(4);
  const count = 240;
  const clients = Array.from({ length: 8 }, async () => {
    for (let n = 0; n < count / 8; n += 1) await expect(lose()).rejects.toMatchObject({ code: '40001' });
  });
  await Promise.all(clients);
  // Two hundred that were saved up, and a fifth of all.
  expect(retries()).toBeGreaterThanOrEqual(200);
  expect(tried).toBe(count + 1 + retries());
  expect(retries()).toBeLessThanOrEqual(200 + (count + 1) / 5);
});

it('the line for a connection grows as short as the database is slow', async () => {
  const count = 60;
  const { database } = connect(2, count);
  // Twenty a second: most of them wait for more than one second.
  const offer = () => Promise.allSettled(Array.from({ length: count }, () => database.query(sleepOf(0.1))));
  await offer();
  const sinceMs = performance.now();
  const answers = await offer();
  const served = answers.filter(({ status }) => status === 'fulfilled').length;
  expect(served).toBeGreaterThanOrEqual(16);
  expect(served).toBeLessThan(count / 2);
  expect(performance.now() - sinceMs).toBeLessThan(4_500);
  const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.code] : []));
  expect(new Set(refusals)).toEqual(new Set(['53300']));
});
