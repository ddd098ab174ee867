import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Image } from '@safelight/contract';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UploadLoad } from '../chaos/failover.ts';
import { expectImage, expectProblem } from '../support/answers.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { addTenant } from '../support/database-url.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { tinyPhoto, unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const CLIENTS = 6;
const LOOK_EVERY_MS = 100;
const BLACK_OUT_MS = 10_000;
/** Two seconds of silence and three in which it could answer; and a busy machine. */
const NOTICED_MS_MAX = 9_000;
const FAST_MS_MAX = 1_000;
/** A second on a machine that is idle; 30 s where abandoned transactions keep their locks. */
const RECOVERED_MS_MAX = 20_000;

let test: TestDatabase;
let proxy: FaultProxy;
let node: Safelight;
let authorization: string;
let jpeg: Buffer;
let image: Image;

beforeAll(async () => {
  jpeg = await tinyPhoto();
  test = await createTestDatabase();
  proxy = await FaultProxy.beforeDatabase(test.service);
  const { user, password, database } = test.service;
  const url = `postgres://${user}:${password}@127.0.0.1:${proxy.port}/${database}`;
  authorization = await addTenant(url, 'acme');
  node = await Safelight.start({ env: { DATABASE_URL: url, SAFELIGHT_WORKERS: '1', SAFELIGHT_LOG_LEVEL: 'fatal' } });
  image = await until('a picture is taken', async () => {
    const answer = await upload('?wait=30');
    return answer.ok && expectImage(answer);
  });
});
afterAll(async () => {
  await proxy?.set(undefined);
  await node?.close();
  await proxy?.stop();
  await test?.close();
});

function upload(query = '', headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${node.url}/v1/images${query}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'image/jpeg', ...headers },
    body: Uint8Array.from(unlike(jpeg)),
  });
}

interface Looked {
  readonly status: number;
  readonly ms: number;
}

/** As a client that knows the node by another name than its own. */
async function statusAt(path: string, host?: string): Promise<number> {
  const [answer] = (await once(get(new URL(path, node.url), { headers: host ? { host } : {} }), 'response')) as [
    IncomingMessage,
  ];
  await buffer(answer);
  return answer.statusCode ?? 0;
}

/** Asks for a path ten times a second until it is stopped. */
function watch(path: string, host?: string) {
  const looked: Looked[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const since = performance.now();
      const status = await statusAt(path, host);
      looked.push({ status, ms: performance.now() - since });
      await sleep(LOOK_EVERY_MS);
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return looked;
  };
}

const statuses = (looked: readonly Looked[]) => [...new Set(looked.map(({ status }) => status))];
const slowestMs = (looked: readonly Looked[]) => Math.max(...looked.map(({ ms }) => ms));

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Liveness and a ready delivery, by either name of the node, throughout `work`. */
async function whileServing(work: () => Promise<void>): Promise<void> {
  const ready = image.urls.small ?? '';
  const watched = [['/healthz'], [ready], [ready, 'pictures.example.org']] as const;
  for (const [path, host] of watched) expect(await statusAt(path, host)).toBe(200);
  const watches = watched.map(([path, host]) => watch(path, host));
  await work();
  for (const stop of watches) {
    const looked = await stop();
    expect(statuses(looked)).toEqual([200]);
    expect(slowestMs(looked)).toBeLessThan(FAST_MS_MAX);
  }
}

describe('a node whose database is ill', () => {
  it('goes on taking pictures in a brown-out, in which one answer in fifteen is 1.5 s late', async () => {
    await proxy.set({ kind: 'slow', ms: 1_500, nth: 15 });
    const load = new UploadLoad({ url: node.url, authorization, jpeg, clients: CLIENTS });
    await whileServing(async () => {
      await load.acknowledgedSince(0, 30);
      await load.stop();
    });
    await proxy.set(undefined);
    expect(load.failed).toEqual([]);
    expect(await load.lost()).toEqual([]);
    expect(await metric('safelight_breaker_open')).toBe(0);
  });

  it('refuses at once in a black-out, serves what is ready, and takes pictures again by itself', async () => {
    const load = new UploadLoad({ url: node.url, authorization, jpeg, clients: CLIENTS });
    await load.acknowledgedSince(0, 10);
    await whileServing(async () => {
      await proxy.set({ kind: 'stall' });
      const stalledAtMs = performance.now();
      // What is under way when the database falls silent waits longer: it may be done on another writer.
      await until('an upload is refused at once', async () => {
        const answer = await Promise.race([upload(), sleep(FAST_MS_MAX)]);
        return answer && expectProblem(answer, 'database_unavailable');
      });
      expect(performance.now() - stalledAtMs).toBeLessThan(NOTICED_MS_MAX);
      await sleep(Math.max(0, BLACK_OUT_MS - (performance.now() - stalledAtMs)));
      await proxy.set(undefined);
    });
    const healedAtMs = performance.now();
    const backAtMs = await load.acknowledgedSince(healedAtMs, 10);
    expect(backAtMs - healedAtMs).toBeLessThan(RECOVERED_MS_MAX);
    await load.stop();
    for (const { status, retryAfter } of load.failed) expect([status, retryAfter]).toEqual([503, '1']);
    expect(await load.lost()).toEqual([]);
  });

  it('begins no work whose time has passed, and leaves nothing of it', async () => {
    const blocker = new pg.Client(test.superuser);
    await blocker.connect();
    const count = async () => (await blocker.query('SELECT count(*)::int AS n FROM safelight.images')).rows[0]?.n;
    const before = await count();
    await blocker.query('BEGIN; LOCK TABLE safelight.images IN ACCESS EXCLUSIVE MODE');
    try {
      const since = performance.now();
      const answer = await upload('', { prefer: 'wait=1' });
      await expectProblem(answer, 'deadline_passed');
      expect(answer.headers.get('retry-after')).toBe('1');
      expect(performance.now() - since).toBeLessThan(5_000);
    } finally {
      await blocker.query('COMMIT');
    }
    expect((await upload()).ok).toBe(true);
    expect(await count()).toBe(before + 1);
    await blocker.end();
  });
});
