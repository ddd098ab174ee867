import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Budget, ImagePage, Usage } from '@safelight/contract';
import { createClient, type SafelightClient } from '@safelight/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recountUsage } from '../../packages/service/src/usage/index.ts';
import { expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { keyOf, withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, workersOf } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { allowUnsigned } from '../support/url-keys.ts';

/** Ten units for a CPU second, nothing for anything else. */
const PLAN = { prices: { currency: 'EUR', renderSecond: 10_000_000 } };
const PICTURES = 4;

let node: Safelight;
let photo: Buffer;
let client: SafelightClient;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '2' } });
  photo = await smallPhoto();
  const { authorization } = await keyOf(node, 'demo', ['usage:read', 'budget:manage', 'images:read']);
  client = createClient({ baseUrl: node.url, key: authorization.replace('Bearer ', '') });
  await allowUnsigned(node, 'demo', 'open');
});
afterAll(() => node.close());

async function asOperator(method: string, path: string, body: unknown): Promise<void> {
  const key = (await readFile(join(node.data, 'operator-key'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const response = await fetch(`${node.url}${path}`, { method, headers, body: JSON.stringify(body) });
  expect({ path, status: response.status }).toEqual({ path, status: 200 });
}

const renditionsReady = () =>
  withNodeDatabase(node, async (database) => {
    const [row] = await database.query<{ ready: number; pending: number }>(
      `SELECT count(*) FILTER (WHERE state = 'ready') AS ready, count(*) FILTER (WHERE state = 'pending') AS pending
       FROM renditions`,
    );
    return row ?? { ready: 0, pending: 0 };
  });

const metered = (renders: number) =>
  until(`${renders} renders are metered`, async () => {
    const usage = await client.usage.get();
    return usage.total.renders >= renders && usage;
  });

const workerDeaths = async () => {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return [...text.matchAll(/^safelight_worker_deaths_total\{.*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
};

const command = (...args: string[]) => runCommand(['usage', ...args], { SAFELIGHT_DATA: node.data });

describe('usage', () => {
  it('charges each rendition once, though workers are killed and their work is done again', async () => {
    const sent = [];
    for (let index = 0; index < PICTURES; index += 1) sent.push(node.upload(unlike(photo)));
    const killed = new Set<number>();
    for (let kill = 0; kill < 3; kill += 1) {
      const worker = await until('a worker at work', () => workersOf(node).find((pid) => !killed.has(pid)));
      killed.add(worker);
      process.kill(worker, 'SIGKILL');
    }
    for (const response of await Promise.all(sent)) expect(response.status).toBe(202);
    await until('everything is made', async () => (await renditionsReady()).pending === 0);
    // One more, in the middle of whose work its worker stands still, and is then killed.
    const [first = 0, second = 0] = await awaitWorkers(node, 2);
    for (const pid of [first, second]) process.kill(pid, 'SIGSTOP');
    expect((await node.upload(unlike(photo))).status).toBe(202);
    await until('it is leased', () =>
      withNodeDatabase(node, async (database) => {
        return (await database.query(`SELECT FROM jobs WHERE state = 'leased'`)).length > 0;
      }),
    );
    for (const pid of [first, second]) process.kill(pid, 'SIGKILL');
    await until('it is made all the same', async () => (await renditionsReady()).pending === 0);
    expect(await workerDeaths()).toBeGreaterThan(0);
    const { ready } = await renditionsReady();
    expect(ready).toBe(3 * (PICTURES + 1));
    expect((await metered(ready)).total.renders).toBe(ready);
  });

  it('counts requests that were answered, and the bytes of their connections in both directions', async () => {
    const headers = await keyOf(node, 'counted');
    const image = await expectImage(await sendImage(node, photo, '?wait=30', { headers }));
    const url = image.urls.small ?? '';
    const bytes = (await (await fetch(url)).arrayBuffer()).byteLength;
    for (let request = 0; request < 20; request += 1) await (await fetch(url)).arrayBuffer();
    // What is refused is not counted.
    for (let request = 0; request < 20; request += 1)
      await (await fetch(`${node.url}/i/counted/${image.id}/nonsense`)).text();
    const counted = await until(
      'they are handed in',
      () =>
        withNodeDatabase(node, async (database) => {
          const rows = await database.query<{ requests: number; bytes_in: number; bytes_out: number }>(
            `SELECT sum(requests) AS requests, sum(bytes_in) AS bytes_in, sum(bytes_out) AS bytes_out
             FROM usage_hours JOIN tenants USING (tenant_id) WHERE slug = 'counted' HAVING sum(requests) >= 22`,
          );
          return rows[0];
        }),
      15_000,
    );
    expect(counted.requests).toBe(22);
    // Headers come on top: some 1,500 bytes of an answer, and less of a request.
    expect(counted.bytes_out).toBeGreaterThan(21 * bytes);
    expect(counted.bytes_out).toBeLessThan(21 * (bytes + 3_000) + 20_000);
    expect(counted.bytes_in).toBeGreaterThan(photo.length);
    expect(counted.bytes_in).toBeLessThan(photo.length + 45 * 1_000);
  });

  it('is told as JSON, as CSV, by the hour, and by the command line', async () => {
    const usage = await client.usage.get({ by: 'hour' });
    const lines = (await client.usage.csv({ by: 'hour' })).trim().split('\r\n');
    expect(lines[0]).toBe(
      'from,to,requests,bytesIn,bytesOut,storedByteHours,renders,renderSeconds,megapixels,costMicros,currency',
    );
    expect(lines.length).toBe(usage.rows.length + 1);
    expect(usage.rows.reduce((sum, { renders }) => sum + renders, 0)).toBe(usage.total.renders);
    expect(usage.month.storedBytes).toBeGreaterThan(photo.length * PICTURES);
    const shown = JSON.parse((await command('--json')).stdout);
    expect(shown.total.renders).toBe(usage.total.renders);
    await expectProblem(await fetch(`${node.url}/v1/usage`), 'key_missing');
    const images = await keyOf(node, 'stranger');
    await expectProblem(await fetch(`${node.url}/v1/usage`, { headers: images }), 'scope_missing');
    // A stranger sees nothing of it.
    const stranger = await fetch(`${node.url}/v1/usage`, { headers: await keyOf(node, 'stranger', ['usage:read']) });
    expect(((await stranger.json()) as Usage).total).toMatchObject({ renders: 0, storedByteHours: 0, bytesIn: 0 });
    await expect(client.usage.get({ from: '2020-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' })).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringMatching(/400 days/),
    });
  });

  it('agrees with a recount from the raw records, also after a deletion', async () => {
    const image = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    await node.fetch(`/v1/images/${image.id}`, { method: 'DELETE' });
    const recounted = await withNodeDatabase(node, (database) =>
      until('everything is metered', async () => {
        const recount = await recountUsage(database, undefined);
        return recount.isMetered && recount;
      }),
    );
    expect(recounted.differences).toEqual([]);
    await withNodeDatabase(node, (database) => database.query('UPDATE usage_hours SET renders = renders + 1'));
    expect(await command('recount', '--tenant', 'demo')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/renders: metered \d+, counted again \d+/),
    });
    await withNodeDatabase(node, (database) => database.query('UPDATE usage_hours SET renders = renders - 1'));
  });

  it('is exported by closed hours as CloudEvents, each with an id that stays', async () => {
    // As if all of it had been two hours ago.
    await withNodeDatabase(node, async (database) => {
      await database.query(`UPDATE usage_hours SET hour = hour - interval '2 hours'`);
      await database.query(`UPDATE usage_cursor SET caught_up_at = clock_timestamp()`);
    });
    const read = async () => {
      const events = [];
      for await (const event of client.usage.events()) events.push(event);
      return events;
    };
    const events = await read();
    expect(events.length).toBeGreaterThan(0);
    expect(events[0]).toMatchObject({
      specversion: '1.0',
      type: 'safelight.usage.hour',
      source: 'safelight',
      id: expect.stringMatching(/^ten_\w+-\d{4}-\d\d-\d\dT\d\d$/),
      subject: expect.stringMatching(/^ten_/),
    });
    expect(events[0]?.data.renders).toBeGreaterThan(0);
    expect(await read()).toEqual(events);
    await withNodeDatabase(node, (database) =>
      database.query(`UPDATE usage_hours SET hour = hour + interval '2 hours'`),
    );
  });
});

describe('a budget', () => {
  const demand = (imageId: string, from: number, count: number) =>
    Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const response = await fetch(`${node.url}/i/demo/${imageId}?w=${from + index}&fm=png`);
        await response.arrayBuffer();
        return response;
      }),
    );

  const newest = async () => {
    const { images } = (await (await node.fetch('/v1/images?limit=1')).json()) as ImagePage;
    const [image] = images;
    if (!image) throw new Error('there is no image');
    return image;
  };

  it('bounds what is spent under fifty times the demand that it holds, and degrades as the tenant has chosen', async () => {
    await asOperator('PUT', '/v1/admin/plans/metered', PLAN);
    await asOperator('PATCH', '/v1/admin/tenants/demo', { plan: 'metered', settings: { onBudget: 'refuse' } });
    const image = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    const spent = (await until('it is priced', async () => {
      // Prices hold from the next hour on; this test cannot wait for it.
      await withNodeDatabase(node, (database) => database.query('DELETE FROM usage_prices'));
      const { month } = await client.usage.get();
      return month.costMicros > 0 && month;
    })) as { costMicros: number };
    // Room for a few pictures of some 20 ms each.
    const hardMicros = spent.costMicros + 1_000_000;
    const before: Budget = await client.budget.set({ hardMicros, softMicros: spent.costMicros + 100_000 });
    expect(before).toMatchObject({ hardMicros, policy: 'refuse', currency: 'EUR' });
    const answers = await demand(image.id, 20, 250);
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    // Others of so many at once are told to come again.
    expect(statuses.filter((status) => status === 402).length).toBeGreaterThan(20);
    const metered = async () => {
      const budget = await client.budget.get();
      return budget.reservedMicros === 0 && (await renditionsReady()).pending === 0 && budget;
    };
    const end = await until('all that was ordered is metered', metered);
    // Over it by no more than what the work under way took beyond its prediction, which is within a factor of two.
    expect(end.meteredMicros).toBeLessThanOrEqual(hardMicros + 1_000_000);
    // What took less than was predicted has left room, for some more of the smallest.
    let width = 17;
    await until('nothing is left', async () => {
      await until('the last of them is metered', metered);
      width -= 1;
      return (await fetch(`${node.url}/i/demo/${image.id}?w=${width}&fm=png`)).status === 402;
    });
    const refused = await fetch(`${node.url}/i/demo/${image.id}?w=19&fm=png`);
    const problem = await expectProblem(refused, 'budget_exhausted');
    expect(problem.bound).toMatchObject({ name: 'budgetHardMicros', limit: hardMicros });
    await expectProblem(await node.upload(unlike(photo)), 'budget_exhausted');
    expect((await fetch(image.urls.small ?? '')).status).toBe(200);
  });

  it('serves a preset in the place of what is not made, where the tenant would rather have that', async () => {
    await asOperator('PATCH', '/v1/admin/tenants/demo', { settings: { onBudget: 'serve_existing' } });
    const image = await newest();
    const response = await until('the node has heard of it', async () => {
      const answer = await fetch(`${node.url}/i/demo/${image.id}?w=18&fm=png`);
      return answer.status === 200 && answer;
    });
    expect(response.headers.get('x-safelight-degraded')).toBe('budget_exhausted');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const small = await fetch(image.urls.small ?? '');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from(await small.arrayBuffer()));
  });

  it('is told of in the log, and lets everything through again when it is raised', async () => {
    const told = await withNodeDatabase(node, (database) =>
      database.query<{ type: string }>(`SELECT DISTINCT type FROM events WHERE type ~ '^budget' ORDER BY type`),
    );
    expect(told.map(({ type }) => type)).toEqual(['budget.changed', 'budget.hard_reached', 'budget.soft_reached']);
    await client.budget.set({});
    const response = await fetch(`${node.url}/i/demo/${(await newest()).id}?w=17&fm=png`);
    expect({ status: response.status, degraded: response.headers.get('x-safelight-degraded') }).toEqual({
      status: 200,
      degraded: null,
    });
  });
});
