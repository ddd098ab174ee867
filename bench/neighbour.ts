import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { photo } from '../scripts/make-pictures.ts';
import { Random } from '../test/chaos/random.ts';
import { keyOf, withNodeDatabase } from '../test/support/node-database.ts';
import { Safelight } from '../test/support/safelight.ts';
import { allowUnsigned } from '../test/support/url-keys.ts';
import { HttpClient } from './support/closed-loop.ts';
import { distinct, idle } from './support/safelight-stand.ts';
import { quantile } from './support/statistics.ts';

/**
 * A noisy neighbour: tenant A sends twenty times as many requests as its plan allows, by a Poisson clock and on every
 * route: lists, deliveries of what is ready, renditions that nobody has asked for yet, and uploads. Tenant B sends a
 * picture every 0.4 seconds and asks for its thumbnail at once. Told is how long B waits for both, alone and beside the flood.
 * Holds when B's median and p99 grow by at most the longest single job and 50 ms.
 *
 *     node bench/neighbour.ts [--seconds 60] [--rate 20] [--times 20] [--seed 1]
 *
 * The client runs on the same cores: what it costs, B waits for too.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '20' },
    times: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
const perSecond = rate * Number(values.times);
const random = new Random(Number(values.seed));
const SLACK_MS = 50;
const EVERY_MS = 400;
const ANSWER_MS_MAX = 30_000;
const PICTURES = 8;
const WARM_UP_MS = 5_000;
/** Of the flood: the rest are lists. */
const PARTS = { upload: 0.1, render: 0.2, delivery: 0.5 };

interface Tenant {
  readonly slug: string;
  readonly headers: { readonly authorization: string };
}

const safelight = await Safelight.start();
const client = new HttpClient(256);
let sent = 0;
/** Uploads that had to be sent again; the time until then is waited too. */
let turnedAway = 0;
try {
  const picture = await photo(1200, 900).jpeg({ quality: 85 }).toBuffer();
  const [a, b] = [await tenant('loud'), await tenant('quiet')];
  await limit('loud', rate);
  const images: string[] = [];
  for (let index = 0; index < PICTURES; index += 1) images.push(await send(a, distinct(picture, `first ${index}`), 30));
  for (let index = 0; index < 5; index += 1) await once(b, picture);
  // Code that has never run is slow, for A and B alike: a node in service has answered both before.
  await flood(a, images, picture, new Map(), AbortSignal.timeout(WARM_UP_MS));
  await idle(safelight);
  turnedAway = 0;
  const alone = await measure(b, picture);
  const answers = new Map<number, number>();
  const ending = new AbortController();
  const flooding = flood(a, images, picture, answers, ending.signal);
  const beside = await measure(b, picture);
  ending.abort();
  await flooding;
  report(alone, beside, answers, await longestJobMs());
} finally {
  client.close();
  await safelight.close();
}

function report(
  alone: readonly number[],
  beside: readonly number[],
  answers: ReadonlyMap<number, number>,
  jobMs: number,
): void {
  const row = (waits: readonly number[]) =>
    `p50 ${quantile(waits, 0.5).toFixed(0)} ms, p99 ${quantile(waits, 0.99).toFixed(0)} ms, max ${Math.max(...waits).toFixed(0)} ms`;
  console.log(`upload and thumbnail of B alone:       ${row(alone)} (${alone.length})`);
  console.log(`upload and thumbnail beside the flood: ${row(beside)} (${beside.length})`);
  const told = [...answers]
    .sort(([one], [other]) => one - other)
    .map(([status, count]) => `${count} × ${status || 'nothing'}`);
  console.log(
    `A sent ${[...answers.values()].reduce((sum, count) => sum + count, 0)} requests in ${seconds} s, ${perSecond} a second at a rate of ${rate}: ${told.join(', ')}`,
  );
  console.log(`uploads of B that were answered 429 or 503 and sent again: ${turnedAway}`);
  const bound = jobMs + SLACK_MS;
  const growth = [0.5, 0.99].map((share) => quantile(beside, share) - quantile(alone, share));
  const isKept = growth.every((ms) => ms <= bound);
  const grown = growth.map((ms) => `${ms.toFixed(0)} ms`).join(' and ');
  console.log(
    `longest single job ${jobMs.toFixed(0)} ms; p50 and p99 grew by ${grown}, bound ${bound.toFixed(0)} ms: ${isKept ? 'kept' : 'NOT kept'}`,
  );
  if (!isKept) process.exitCode = 1;
}

async function measure(b: Tenant, picture: Uint8Array): Promise<number[]> {
  const waits: Promise<number>[] = [];
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    waits.push(once(b, picture));
    await sleep(EVERY_MS);
  }
  return Promise.all(waits);
}

/** @returns the milliseconds from the upload's first byte to the thumbnail's last. */
async function once(b: Tenant, picture: Uint8Array): Promise<number> {
  const since = performance.now();
  const id = await send(b, distinct(picture, `B ${since}`));
  for (;;) {
    const { status } = await client.get(`${safelight.url}/i/${b.slug}/${id}/small`, ANSWER_MS_MAX);
    if (status === 200) return performance.now() - since;
    // Pending for longer than a request waits: it goes on waiting, as a page would.
    if (status !== 503) throw new Error(`a thumbnail of B was answered ${status}`);
  }
}

async function flood(
  a: Tenant,
  images: readonly string[],
  picture: Uint8Array,
  answers: Map<number, number>,
  signal: AbortSignal,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const begin = performance.now();
  for (let dueMs = 0; !signal.aborted; dueMs += (-Math.log(1 - random.next()) * 1_000) / perSecond) {
    const waitMs = dueMs - (performance.now() - begin);
    if (waitMs > 1) await sleep(waitMs);
    sent += 1;
    const asked = ask(a, images, picture, sent)
      .catch(() => 0)
      .then((status) => void answers.set(status, (answers.get(status) ?? 0) + 1))
      .finally(() => running.delete(asked));
    running.add(asked);
  }
  await Promise.all(running);
}

async function ask(a: Tenant, images: readonly string[], picture: Uint8Array, index: number): Promise<number> {
  const image = images[index % images.length] ?? '';
  const at = (path: string) => `${safelight.url}${path}`;
  const kind = random.next();
  if (kind < PARTS.upload) {
    const response = await post(a, distinct(picture, `A ${index}`));
    await response.arrayBuffer();
    return response.status;
  }
  if (kind < PARTS.upload + PARTS.render) {
    return (await client.get(at(`/i/${a.slug}/${image}?w=${100 + (index % 1_000)}`), ANSWER_MS_MAX)).status;
  }
  if (kind < PARTS.upload + PARTS.render + PARTS.delivery) {
    return (await client.get(at(`/i/${a.slug}/${image}/large`), ANSWER_MS_MAX)).status;
  }
  return (await client.get(at('/v1/images?limit=20'), ANSWER_MS_MAX, a.headers)).status;
}

async function send(tenant: Tenant, bytes: Uint8Array, waitSeconds = 0): Promise<string> {
  for (;;) {
    const response = await post(tenant, bytes, waitSeconds);
    const text = await response.text();
    if (response.ok) return (JSON.parse(text) as { id: string }).id;
    if (response.status !== 429 && response.status !== 503)
      throw new Error(`an upload was answered ${response.status}: ${text}`);
    turnedAway += 1;
    await sleep(Number(response.headers.get('retry-after') ?? 1) * 1_000);
  }
}

function post({ headers }: Tenant, bytes: Uint8Array, waitSeconds = 0): Promise<Response> {
  return fetch(`${safelight.url}/v1/images${waitSeconds > 0 ? `?wait=${waitSeconds}` : ''}`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'image/jpeg' },
    body: Uint8Array.from(bytes),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
}

async function tenant(slug: string): Promise<Tenant> {
  const headers = await keyOf(safelight, slug);
  await allowUnsigned(safelight, slug, 'open');
  return { slug, headers };
}

async function limit(slug: string, requestsPerSecond: number): Promise<void> {
  const key = (await readFile(join(safelight.data, 'operator-key'), 'utf8')).trim();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const limits = { requestsPerSecond, requestsBurst: requestsPerSecond };
  for (const [method, path, body] of [
    ['PUT', '/v1/admin/plans/loud', { limits }],
    ['PATCH', `/v1/admin/tenants/${slug}`, { plan: 'loud' }],
  ] as const) {
    const response = await fetch(`${safelight.url}${path}`, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
  }
}

/** What a worker process was at one job: all the renditions that one image then lacked. By what each took of a CPU. */
function longestJobMs(): Promise<number> {
  return withNodeDatabase(safelight, async (database) => {
    const [row] = await database.query<{ ms: number }>(
      `SELECT max(ms)::float8 AS ms FROM (
         SELECT sum(render_ms) AS ms FROM renditions WHERE state = 'ready' GROUP BY tenant_id, original_id, ended_at
       ) AS jobs`,
    );
    return row?.ms ?? 0;
  });
}
