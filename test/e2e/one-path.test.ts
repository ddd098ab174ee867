import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Image, Transformation } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signUrl } from '../../packages/sdk/src/index.ts';
import { DATABASE_URL_FILE } from '../../packages/service/src/db/open.ts';
import { expectBound, expectImage, expectProblem, sendImage } from '../support/answers.ts';
import { asSuperuser, keyOf } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, filesBelow, workersOf } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';
import { signedUrl, urlKeyOf } from '../support/url-keys.ts';

const AT_ONCE = 200;

let node: Safelight;
let second: Safelight;
let photo: Buffer;
let image: Image;
let key: Uint8Array;

beforeAll(async () => {
  photo = await smallPhoto();
  const settings = { SAFELIGHT_WORKERS: '1', SAFELIGHT_WAIT_SECONDS: '5', SAFELIGHT_PENDING_MAX: '90' };
  node = await Safelight.start({ env: settings });
  const DATABASE_URL = (await readFile(join(node.data, DATABASE_URL_FILE), 'utf8')).trim();
  const SAFELIGHT_OBJECTS = `file:${join(node.data, 'objects')}`;
  second = await Safelight.start({ env: { ...settings, DATABASE_URL, SAFELIGHT_OBJECTS } });
  image = await expectImage(await sendImage(node, photo, '?wait=30'));
  key = await urlKeyOf(node, 'demo');
  await awaitWorkers(second, 1);
});
afterAll(async () => {
  await second.close();
  await node.close();
});

const sign = (transformation: Transformation, id = image.id) =>
  signUrl({ baseUrl: node.url, tenant: 'demo', image: id, key }, transformation);
const onSecond = (url: string) => url.replace(node.url, second.url);
const objects = () => filesBelow(join(node.data, 'objects')).filter((file) => file.includes('/rendition/')).length;

async function metric(of: Safelight, pattern: RegExp): Promise<number> {
  const text = await (await fetch(`${of.url}/metrics`)).text();
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}
const jobsDone = async () =>
  (await Promise.all([node, second].map((each) => metric(each, /^safelight_job_seconds_count.* (\d+)$/gm)))).reduce(
    (a, b) => a + b,
  );
const waiting = async () =>
  (await metric(node, /^safelight_waiters (\d+)$/gm)) + (await metric(second, /^safelight_waiters (\d+)$/gm));

/** A worker is not set aside for a request while it has another job in hand, or asks the queue for one. */
async function awaitIdle(of: Safelight): Promise<void> {
  await until(
    'its worker is idle',
    async () => (await metric(of, /^safelight_workers\{state="idle"[^}]*\} (\d+)$/gm)) === 1,
  );
}

/** Holds every worker of both nodes still while `work` runs. */
async function whileWorkersStand<T>(work: () => Promise<T>): Promise<T> {
  const pids = [...(await awaitWorkers(node, 1)), ...(await awaitWorkers(second, 1))];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const pid of [...workersOf(node), ...workersOf(second)]) process.kill(pid, 'SIGCONT');
  }
}

/** The renditions of an image under a width, as rows. */
const rowsOf = (w: number) =>
  asSuperuser(node, `SELECT state, job_id, transformation FROM safelight.renditions WHERE transformation ~ $1`, [
    `w=${w}$`,
  ]);

describe('a rendition that many ask for at once', () => {
  it('is made once, however many requests of however many nodes want it', async () => {
    const url = await sign({ w: 201, fm: 'webp' });
    const [before, doneBefore] = [objects(), await jobsDone()];
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => fetch(index % 2 === 0 ? url : onSecond(url))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ headers }) => headers.get('etag'))).size).toBe(1);
    for (const answer of answers) await answer.arrayBuffer();
    expect(objects() - before).toBe(1);
    expect((await jobsDone()) - doneBefore).toBe(1);
    expect(await rowsOf(201)).toHaveLength(1);
    const events = () =>
      asSuperuser(node, `SELECT data FROM safelight.events WHERE type = 'rendition.ready' AND data::text ~ 'w=201"'`);
    await until('its event is sealed', async () => (await events()).length > 0);
    expect(await events()).toHaveLength(1);
  });

  it('is made for those who stay when others give up', async () => {
    const url = await sign({ w: 202 });
    const impatient = new AbortController();
    const stayed = await whileWorkersStand(async () => {
      const gone = [url, onSecond(url)].map((each) => fetch(each, { signal: impatient.signal }).catch(() => 'gone'));
      await until('the first two wait', async () => (await waiting()) === 2);
      const stays = [fetch(url), fetch(onSecond(url))];
      await until('four wait', async () => (await waiting()) === 4);
      impatient.abort();
      expect(await Promise.all(gone)).toEqual(['gone', 'gone']);
      await until('two are gone', async () => (await waiting()) === 2);
      return stays;
    });
    for (const answer of await Promise.all(stayed)) expect(answer.status).toBe(200);
    expect(await rowsOf(202)).toHaveLength(1);
  });
});

describe('a rendition that nobody has asked for before', () => {
  it('is leased to an idle worker of the same node by the very transaction that orders it', async () => {
    await awaitIdle(node);
    await whileWorkersStand(async () => {
      const response = fetch(await sign({ w: 203 }));
      const [row] = await until('it is ordered', async () => {
        const rows = await asSuperuser(
          node,
          `SELECT j.state, j.lane, j.lease_token::int, j.xmin = r.xmin AS born
           FROM safelight.jobs j JOIN safelight.renditions r USING (tenant_id, job_id) WHERE r.transformation ~ 'w=203$'`,
        );
        return rows.length > 0 && rows;
      });
      expect(row).toEqual({ state: 'leased', lane: 'live', lease_token: 1, born: true });
      await expectProblem(await response, 'rendition_pending');
    });
    expect((await fetch(await sign({ w: 203 }))).status).toBe(200);
  });

  it('is not held up by one that never ends', async () => {
    const other = await expectImage(await sendImage(node, unlike(photo), '?wait=30'));
    const [stuck = 0] = await awaitWorkers(node, 1);
    process.kill(stuck, 'SIGSTOP');
    try {
      const slow = fetch(await sign({ w: 204 }));
      await until('the slow one waits', async () => (await waiting()) === 1);
      expect((await fetch(await sign({ w: 205 }, other.id))).status).toBe(200);
      expect(await waiting()).toBe(1);
      await expectProblem(await slow, 'rendition_pending');
    } finally {
      process.kill(stuck, 'SIGCONT');
    }
    expect((await fetch(await sign({ w: 204 }))).status).toBe(200);
  });

  it('is refused while its picture or its tenant has too many pending, and leaves other tenants alone', async () => {
    const others = await Promise.all(
      [1, 2].map(async () => expectImage(await sendImage(node, unlike(photo), '?wait=30'))),
    );
    const headers = await keyOf(node, 'neighbour');
    const theirs = await expectImage(await sendImage(node, unlike(photo), '?wait=30', { headers }));
    await whileWorkersStand(async () => {
      const flood = (id: string, count: number) =>
        Promise.all(Array.from({ length: count }, async (_, index) => fetch(await sign({ w: 300 + index }, id))));
      const [first = '', last = ''] = others.map(({ id }) => id);
      const ofImage = flood(first, 80);
      await until('as many wait as may of an image', async () => (await waiting()) === 64);
      await expectBound(await fetch(await sign({ w: 500 }, first)), 'overloaded', {
        name: 'pendingRenditionsOfImageMax',
        limit: 64,
      });
      const ofTenant = flood(last, 40);
      await until('as many wait as may of a tenant', async () => (await waiting()) === 90);
      await expectBound(await fetch(await sign({ w: 500 }, last)), 'overloaded', {
        name: 'pendingRenditionsOfTenantMax',
        limit: 90,
      });
      const neighbour = fetch(await signedUrl(node, theirs.id, { w: 300 }, { tenant: 'neighbour' }));
      expect(await codes(await ofImage)).toEqual({ rendition_pending: 64, overloaded: 16 });
      expect(await codes(await ofTenant)).toEqual({ rendition_pending: 26, overloaded: 14 });
      await expectProblem(await neighbour, 'rendition_pending');
    });
    await until('all are made', async () => (await rowsOf(363)).every(({ state }) => state === 'ready'));
    const last = await sign({ w: 500 }, others[1]?.id);
    await until('there is room again', async () => (await fetch(last)).status === 200);
  });

  it('is refused when it would take more memory than a picture may, and leaves no row', async () => {
    const url = await sign({ w: 9_999, h: 9_999, fit: 'scale', fm: 'avif' });
    await expectBound(await fetch(url), 'rendition_failed', { name: 'jobBytesMax' });
    expect(await rowsOf(9_999)).toEqual([]);
  });
});

describe('a node that dies with a job that was born leased to it', () => {
  it('leaves it to the others when the lease is over', async () => {
    await awaitIdle(second);
    const [stuck = 0] = await awaitWorkers(second, 1);
    process.kill(stuck, 'SIGSTOP');
    const gone = fetch(onSecond(await sign({ w: 206 }))).catch(() => 'gone');
    await until('it is leased to that node', async () => {
      const held = await asSuperuser(
        node,
        `SELECT FROM safelight.jobs j JOIN safelight.renditions r USING (tenant_id, job_id)
         WHERE r.transformation ~ 'w=206$' AND j.state = 'leased' AND j.xmin = r.xmin`,
      );
      return held.length > 0;
    });
    await second.kill();
    expect(await gone).toBe('gone');
    const ready = async () => (await rowsOf(206)).some(({ state }) => state === 'ready');
    await until('the other node has made it', ready, 30_000);
    expect((await fetch(await sign({ w: 206 }))).status).toBe(200);
  }, 60_000);
});

/** How many answers had which code. */
async function codes(answers: readonly Response[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const { code } = (await answer.json()) as { code: string };
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}
