import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { DATABASE_URL_FILE } from '../packages/service/src/db/open.ts';
import { asSuperuser, keyOf } from '../test/support/node-database.ts';
import { postmasterOf } from '../test/support/processes.ts';
import { Safelight } from '../test/support/safelight.ts';
import { HttpClient } from './support/closed-loop.ts';
import { CpuQuota } from './support/cpu-quota.ts';
import { groupCpuMs, groupPids } from './support/group-cpu.ts';
import { distinct } from './support/safelight-stand.ts';
import { quantile } from './support/statistics.ts';

/**
 * The metadata path: uploads of pictures of a few hundred bytes that are acknowledged per second by 1, 2, 3 and 4 nodes
 * of the role `api` alone, on one PostgreSQL with fsync and one folder of objects (in memory where the machine has such a
 * folder, so that the database's disk is not shared), sent by many tenants and then by one, whose uploads wait for each
 * other at its account in the queue. Prints what the answers cost and what PostgreSQL waited for.
 *
 *     node bench/metadata.ts [--nodes 4] [--seconds 10] [--clients 8] [--tenants 32] [--database-cores 0.5]
 *
 * On few cores the nodes want all of them before the database does; with `--database-cores` (root on Linux) PostgreSQL
 * gets so much CPU and no more, and is the limit as it would be beside many machines.
 */
const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '10' },
    clients: { type: 'string', default: '8' },
    tenants: { type: 'string', default: '32' },
    'database-cores': { type: 'string' },
  },
});
const nodesMax = Number(values.nodes);
const clients = Number(values.clients);
const ANSWER_MS_MAX = 60_000;
const WARM_UP_MS = 3_000;
const SAMPLE_MS = 100;
const quota = values['database-cores'] === undefined ? undefined : new CpuQuota(Number(values['database-cores']));
const MEMORY_FOLDER = '/dev/shm';

interface Moment {
  readonly at: number;
  /** CPU milliseconds of all nodes and their probes, of PostgreSQL, of this process. */
  readonly nodesMs: number;
  readonly databaseMs: number;
  readonly clientMs: number;
  /** Of the machine: all of its cores' time, and what of it nobody had a use for. */
  readonly machineTicks: number;
  readonly idleTicks: number;
  readonly commits: number;
  readonly fsyncs: number;
}

const objects = await mkdtemp(join(existsSync(MEMORY_FOLDER) ? MEMORY_FOLDER : tmpdir(), 'safelight-metadata-'));
const picture = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#808080' } })
  .jpeg()
  .toBuffer();
const client = new HttpClient(clients * nodesMax);
const nodes: Safelight[] = [];
let sent = 0;
try {
  // Each of four nodes may have its share of what the embedded database allows, and somebody must look at it.
  const settings = {
    ...{ SAFELIGHT_ROLES: 'api', SAFELIGHT_OBJECTS: `file:${objects}` },
    SAFELIGHT_DATABASE_CONNECTIONS: String(Math.floor(40 / nodesMax)),
  };
  const first = await Safelight.start({ env: settings });
  nodes.push(first);
  const keys = await Promise.all(
    Array.from({ length: Number(values.tenants) }, (_, index) => keyOf(first, `tenant-${index}`)),
  );
  quota?.hold(groupPids(postmasterOf(first) ?? Number.NaN));
  const shared = { ...settings, DATABASE_URL_FILE: join(first.data, DATABASE_URL_FILE) };
  console.log(
    `${availableParallelism()} cores, load ${loadavg()[0]?.toFixed(1)}, ${clients} clients a node, ${objects}` +
      (quota ? `, PostgreSQL held to ${values['database-cores']} of a core` : ''),
  );
  const single = await measure(keys);
  while (nodes.length < nodesMax) {
    nodes.push(await Safelight.start({ env: shared }));
    print(await measure(keys), single);
  }
  console.log('\nall of one tenant:');
  print(await measure(keys.slice(0, 1)), single);
} finally {
  client.close();
  for (const node of nodes.toReversed()) await node.close();
  await rm(objects, { recursive: true, force: true });
  quota?.close();
}

type Key = Awaited<ReturnType<typeof keyOf>>;

interface Measured {
  readonly nodes: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly refused: number;
  /** CPU milliseconds for each upload. */
  readonly nodesMs: number;
  readonly databaseMs: number;
  readonly databaseCores: number;
  readonly clientMs: number;
  readonly busyShare: number;
  readonly commitsPerUpload: number;
  readonly fsyncsPerSecond: number;
  /** What busy connections of PostgreSQL were seen waiting for, most first, as shares of all looks at one. */
  readonly waits: readonly (readonly [string, number])[];
}

interface Tally {
  readonly times: number[];
  refused: number;
  isCounted: boolean;
}

async function measure(keys: readonly Key[]): Promise<Measured> {
  const tally: Tally = { times: [], refused: 0, isCounted: false };
  const stop = new AbortController();
  const turns = nodes.flatMap(({ url }, node) =>
    Array.from({ length: clients }, (_, client) => {
      const key = keys[(node * clients + client) % keys.length];
      return key && keepSending(url, key, tally, stop.signal);
    }),
  );
  const ended = Promise.allSettled(turns);
  try {
    return await watch(tally);
  } finally {
    stop.abort();
    for (const turn of await ended) {
      if (turn.status === 'fulfilled') continue;
      console.error(turn.reason);
      process.exitCode = 1;
    }
    // A kept connection that a node closes as idle just when the next round begins would look like a failure.
    client.close();
  }
}

async function watch(tally: Tally): Promise<Measured> {
  await sleep(WARM_UP_MS);
  const before = await look();
  tally.isCounted = true;
  const waits = await watchWaits(Number(values.seconds) * 1_000);
  tally.isCounted = false;
  const after = await look();
  const uploads = Math.max(1, tally.times.length);
  const seconds = (after.at - before.at) / 1_000;
  const of = (figure: keyof Moment) => after[figure] - before[figure];
  const measured = {
    nodes: nodes.length,
    perSecond: uploads / seconds,
    p50Ms: quantile(tally.times, 0.5),
    p95Ms: quantile(tally.times, 0.95),
    refused: tally.refused,
    nodesMs: of('nodesMs') / uploads,
    databaseMs: of('databaseMs') / uploads,
    databaseCores: of('databaseMs') / 1_000 / seconds,
    clientMs: of('clientMs') / uploads,
    busyShare: 1 - of('idleTicks') / of('machineTicks'),
    commitsPerUpload: of('commits') / uploads,
    fsyncsPerSecond: of('fsyncs') / seconds,
    waits,
  };
  if (nodes.length === 1) print(measured, measured);
  return measured;
}

async function keepSending(url: string, key: Key, tally: Tally, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    sent += 1;
    const began = performance.now();
    const body = distinct(picture, `${process.pid}-${sent}`);
    const { status } = await client.post(
      `${url}/v1/images`,
      ANSWER_MS_MAX,
      { ...key, 'content-type': 'image/jpeg' },
      body,
    );
    if (!tally.isCounted) continue;
    if (status === 201 || status === 202) tally.times.push(performance.now() - began);
    else if (status === 503 || status === 429) tally.refused += 1;
    else throw new Error(`an upload was answered ${status}`);
  }
}

async function look(): Promise<Moment> {
  const [first] = nodes;
  const postmaster = first && postmasterOf(first);
  if (!first || postmaster === undefined) throw new Error('there is no database');
  const [row] = await asSuperuser(
    first,
    `SELECT (SELECT sum(xact_commit) FROM pg_stat_database)::float8 AS commits,
       (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal')::float8 AS fsyncs`,
  );
  const databaseMs = groupCpuMs(postmaster);
  // The database is a child of the first node.
  const nodesMs = nodes.reduce((ms, { process: { pid = 0 } }) => ms + groupCpuMs(pid), 0) - databaseMs;
  const { user, system } = process.cpuUsage();
  const [machineTicks, idleTicks] = machineTime();
  return {
    at: performance.now(),
    nodesMs,
    databaseMs,
    clientMs: (user + system) / 1_000,
    machineTicks,
    idleTicks,
    commits: Number(row?.commits),
    fsyncs: Number(row?.fsyncs),
  };
}

/** All cores together, in ticks: of all kinds, and idle or waiting for a disk. */
function machineTime(): [number, number] {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  // proc(5): user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  return [ticks.reduce((sum, one) => sum + one, 0), (ticks[3] ?? 0) + (ticks[4] ?? 0)];
}

/** Looks at the busy connections again and again for `ms`. */
async function watchWaits(ms: number): Promise<(readonly [string, number])[]> {
  const seen = new Map<string, number>();
  const [first] = nodes;
  const until = performance.now() + ms;
  while (first && performance.now() < until) {
    const rows = await asSuperuser(
      first,
      `SELECT coalesce(wait_event_type || ':' || wait_event, 'running') AS what, count(*)::int AS backends
       FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
       GROUP BY 1`,
    );
    for (const { what, backends } of rows) seen.set(String(what), (seen.get(String(what)) ?? 0) + Number(backends));
    await sleep(SAMPLE_MS);
  }
  const all = [...seen.values()].reduce((sum, one) => sum + one, 0);
  return [...seen].sort((a, b) => b[1] - a[1]).map(([what, backends]) => [what, backends / all] as const);
}

function print(measured: Measured, single: Measured): void {
  const { perSecond, refused, nodesMs, databaseMs, clientMs, busyShare } = measured;
  console.log(
    `\n${measured.nodes} ${measured.nodes === 1 ? 'node' : 'nodes'}: ${perSecond.toFixed(0)} uploads/s, ` +
      `${(perSecond / single.perSecond).toFixed(2)} of one node; p50 ${measured.p50Ms.toFixed(0)} ms, p95 ${measured.p95Ms.toFixed(0)} ms` +
      (refused > 0 ? `, ${refused} refused` : ''),
  );
  console.log(
    `  CPU per upload: nodes ${nodesMs.toFixed(1)} ms, PostgreSQL ${databaseMs.toFixed(1)} ms, these clients ${clientMs.toFixed(1)} ms; ` +
      `PostgreSQL took ${measured.databaseCores.toFixed(2)} of a core, the machine is ${(100 * busyShare).toFixed(0)} % busy`,
  );
  console.log(
    `  a core of its own would acknowledge ${(1_000 / nodesMs).toFixed(0)} a second in a node, ${(1_000 / databaseMs).toFixed(0)} in PostgreSQL: ` +
      `one core of the database for ${(nodesMs / databaseMs).toFixed(1)} of nodes`,
  );
  const waits = measured.waits.slice(0, 5).map(([what, share]) => `${what} ${(100 * share).toFixed(0)} %`);
  console.log(
    `  ${measured.commitsPerUpload.toFixed(1)} commits per upload, ${measured.fsyncsPerSecond.toFixed(0)} fsyncs of the log per second; ` +
      `busy connections: ${waits.join(', ')}`,
  );
}
