import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Image, NodePage, Scaling, ScalingMetric } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pidExists } from '../../packages/service/src/db/embedded/processes.ts';
import { photo } from '../../scripts/make-pictures.ts';
import { expectImage, expectProblem } from '../support/answers.ts';
import { asSuperuser } from '../support/node-database.ts';
import { unlike } from '../support/pictures.ts';
import { awaitWorkers, workersOf } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../packages/service/src/main.ts', import.meta.url));
/** Progressive pictures of 90 ms each: what the only worker would need 3.5 s for, with an objective of one. */
const ROUNDS = 2;
const UPLOADS_AT_ONCE = 20;
const UPLOADS_LATER = 10;
/** Of the two machines that the pool may have beside the node's own worker. */
const PLACES = ['0', '1'] as const;
/** Longer than a terminal takes to tell all of a group. */
const ECHO_MS = 2_000;
/** Longer, with that, than a node's jobs may take by themselves when it ends. */
const DRAIN_SEEN_MS = 3_500;
/** A claim takes some milliseconds, and a render a hundred. */
const STEP_MS = 300;
/** Storing and committing what is rendered takes some ten. */
const END_MS = 1_000;
/** A minute on a machine that has nothing else to do. */
const MS_MAX = 150_000;

let node: Safelight;
let picture: Buffer;
/** The node's own worker process. */
let own: number;
const images: Image[] = [];

beforeAll(async () => {
  picture = await photo(3_000, 2_250).jpeg({ quality: 80, progressive: true }).toBuffer();
  node = await Safelight.start({
    env: {
      SAFELIGHT_ROLES: 'api,worker,scaler,janitor',
      SAFELIGHT_WORKERS: '1',
      SAFELIGHT_SCALER_POOL: 'processes',
      SAFELIGHT_SCALER_MAX: '3',
      SAFELIGHT_SCALER_OBJECTIVE_SECONDS: '1',
      SAFELIGHT_SCALER_COOL_DOWN_SECONDS: '4',
      SAFELIGHT_SCALER_WORKER_COST: '0.05',
    },
  });
  [own = 0] = await awaitWorkers(node, 1);
});
afterAll(() => node.close());

async function asOperator(path: string): Promise<Response> {
  const key = (await readFile(join(node.data, 'operator-key'), 'utf8')).trim();
  return node.fetch(path, { headers: { authorization: `Bearer ${key}` } });
}

async function readScaling(query: string): Promise<Scaling> {
  const response = await asOperator(`/v1/admin/scaling?${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Scaling;
}

async function upload(): Promise<Image> {
  const headers = { 'content-type': 'image/jpeg' };
  const body = Uint8Array.from(unlike(picture));
  return expectImage(await node.fetch('/v1/images', { method: 'POST', body, headers }));
}

async function isReady({ id }: Image): Promise<boolean> {
  const image = await expectImage(await node.fetch(`/v1/images/${id}`));
  expect(image.state).not.toBe('failed');
  return image.state === 'ready';
}

async function untilReady(images: readonly Image[]): Promise<void> {
  for (const image of images) await until(`${image.id} is ready`, () => isReady(image), 60_000);
}

/** A machine of the pool: the process of its node, and that of its one worker. */
interface Machine {
  readonly place: string;
  readonly node: number;
  readonly worker: number;
}

/** Newest place last. */
function machines(): Machine[] {
  return PLACES.flatMap((place) => {
    const [worker] = workersOf({ data: join(node.data, 'pool', place) });
    return worker === undefined ? [] : [{ place, node: parentOf(worker), worker }];
  });
}

/**
 * Whether the machine holds a job whose worker stands: then it keeps it. One that has not begun to work yet needs its
 * worker to go on for a while, and one that stood too long has another worker by now.
 * @returns the worker
 */
async function holdsJobAtStand(place: string): Promise<number | undefined> {
  const worker = machines().find((machine) => machine.place === place)?.worker;
  if (worker === undefined) return undefined;
  process.kill(worker, 'SIGCONT');
  await sleep(STEP_MS);
  process.kill(worker, 'SIGSTOP');
  images.push(await upload());
  await sleep(STEP_MS);
  const held = await heldBy(place);
  // What it had just rendered ends meanwhile.
  await sleep(END_MS);
  const kept = await heldBy(place);
  return held.some((lease) => kept.includes(lease)) ? worker : undefined;
}

async function heldBy(place: string): Promise<string[]> {
  const nodeId = (await readFile(join(node.data, 'pool', place, 'node-id'), 'utf8')).trim();
  const leases = await asSuperuser(node, 'SELECT job_id, lease_token FROM safelight.jobs WHERE leased_by = $1', [
    nodeId,
  ]);
  return leases.map((lease) => JSON.stringify(lease));
}

function parentOf(pid: number): number {
  // proc(5): the parent is the second field after the name, which may hold spaces.
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function resume(pid: number): void {
  // A worker that hangs past its job's deadline has been replaced by then.
  if (pidExists(pid)) process.kill(pid, 'SIGCONT');
}

describe('a burst of uploads', () => {
  it(
    'makes worker processes appear, as many as may be',
    async () => {
      // The only worker hangs, as with a picture of minutes: what is uploaded waits.
      process.kill(own, 'SIGSTOP');
      for (let round = 0; round < ROUNDS; round += 1) {
        images.push(...(await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, upload))));
      }
      // Theirs too, or one might be enough before another is ordered.
      const stand = () => {
        for (const { worker } of machines()) process.kill(worker, 'SIGSTOP');
        return machines().length === PLACES.length;
      };
      await until('both machines', stand, 60_000);
      expect(machines().map(({ worker }) => worker)).not.toContain(own);
    },
    MS_MAX,
  );

  it(
    'survives that one of them is killed, and one that is told to end finishes the job that it holds',
    async () => {
      const [killed, ended] = machines();
      if (!killed || !ended) throw new Error('both machines are there');
      for (let count = 0; count < UPLOADS_LATER; count += 1) images.push(await upload());
      const worker = await until('it holds a job', () => holdsJobAtStand(ended.place), 60_000);
      process.kill(killed.node, 'SIGKILL');
      // A process that stands does not hear that its node has gone.
      resume(killed.worker);
      process.kill(ended.node, 'SIGTERM');
      await sleep(ECHO_MS);
      // As from its pool, which does not know of the first.
      process.kill(ended.node, 'SIGTERM');
      await sleep(DRAIN_SEEN_MS);
      expect([ended.node, worker].map(pidExists), 'it waits for its job').toEqual([true, true]);
      resume(worker);
      await until('its end', () => !pidExists(ended.node));
      resume(own);
      await untilReady(images);
    },
    MS_MAX,
  );

  it(
    'leaves no machine behind when it is over',
    async () => {
      await until('the machines have drained away', () => machines().length === 0, 60_000);
      expect(await awaitWorkers(node, 1)).toHaveLength(1);
      for (const image of images) expect(await isReady(image)).toBe(true);
      const { nodes } = (await (await asOperator('/v1/admin/nodes')).json()) as NodePage;
      expect(nodes.filter(({ state }) => state === 'up')).toHaveLength(1);
    },
    MS_MAX,
  );
});

describe('a machine of the pool', () => {
  it('ends when the node that started it has gone, however that went', async () => {
    const env = {
      PATH: process.env.PATH,
      SAFELIGHT_DATA: join(node.data, 'pool', '7'),
      DATABASE_URL_FILE: join(node.data, 'database-url'),
      SAFELIGHT_OBJECTS: `file:${join(node.data, 'objects')}`,
      SAFELIGHT_WORKERS: '1',
    };
    const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const;
    const machine = spawn(process.execPath, [MAIN, 'serve', '--roles', 'worker'], { env, stdio: [...stdio] });
    await once(machine.stdout ?? machine, 'data');
    const exited = once(machine, 'exit');
    machine.disconnect();
    expect(await exited).toEqual([0, null]);
  });
});

describe('the decisions', () => {
  it('are kept with what was seen, and why', async () => {
    const { decisions, leader, pool, policy } = await readScaling('changes=true&limit=500');
    expect({ pool, most: policy?.workersMax, leads: leader === decisions[0]?.node }).toEqual({
      pool: 'processes',
      most: 3,
      leads: true,
    });
    const ups = decisions.filter(({ workers, workersBefore }) => workers > workersBefore);
    const downs = decisions.filter(({ workers, workersBefore }) => workers < workersBefore);
    expect(new Set(ups.map(({ reason }) => reason))).toSatisfy(isPartOf(['backlog', 'late', 'arrivals']));
    expect(new Set(downs.map(({ reason }) => reason))).toEqual(new Set(['surplus']));
    expect(Math.max(...decisions.map(({ workers }) => workers))).toBe(3);
    expect(decisions[0]?.workers).toBe(1);
    // The first that saw work.
    const [first] = ups.slice(-1);
    expect(first?.observations.jobsQueued).toBeGreaterThan(0);
    expect(first?.observations.waitSecondsOldest.normal).toBeGreaterThan(0);
    expect(first?.observations).toMatchObject({ workersReady: 1, costPerWorkerHour: 0.05, secondsSinceUp: null });
  });

  it('come in pages', async () => {
    const page = await readScaling('limit=2');
    expect(page.decisions).toHaveLength(2);
    const next = await readScaling(`limit=2&before=${page.next}`);
    expect(next.decisions[0]?.id).toBeLessThan(page.decisions[1]?.id ?? 0);
    await expectProblem(await asOperator('/v1/admin/scaling?before=x'), 'request_invalid');
    await expectProblem(await asOperator('/v1/admin/scaling?limit=501'), 'request_invalid');
  });

  it('are told as a number to autoscalers outside', async () => {
    const read = async () => {
      const response = await asOperator('/v1/admin/scaling/metric');
      expect(response.status).toBe(200);
      return (await response.json()) as ScalingMetric;
    };
    // The last decision may be from before the last machine had gone; one that repeats it is kept every 20 s.
    await until('a decision about one worker', async () => (await read()).workersReady === 1, 30_000);
    expect(await read()).toMatchObject({ workers: 1, workersReady: 1, backlogSeconds: 0, drainSeconds: 0 });
  }, 40_000);

  it('are told to nobody but the operator', async () => {
    for (const path of ['/v1/admin/scaling', '/v1/admin/scaling/metric']) {
      await expectProblem(await node.fetch(path), 'scope_missing');
      await expectProblem(await fetch(`${node.url}${path}`), 'key_missing');
    }
  });

  it('are shown by the command, as a table and as JSON', async () => {
    const env = { PATH: process.env.PATH, SAFELIGHT_DATA: node.data };
    const run = async (...args: string[]) =>
      (await promisify(execFile)(process.execPath, [MAIN, 'scaling', '--changes', ...args], { env })).stdout;
    const [table, json] = await Promise.all([run(), run('--json', '--limit', '1')]);
    expect(table).toMatch(/^node_\w+ decides\.$/m);
    expect(table).toMatch(/ 2 → 1 .* surplus /);
    const { decisions } = JSON.parse(json) as { decisions: { reason: string; policy: object }[] };
    expect(decisions).toEqual([expect.objectContaining({ reason: 'surplus', policy: expect.anything() })]);
  });
});

function isPartOf(allowed: readonly string[]) {
  return (found: ReadonlySet<string>) => found.size > 0 && [...found].every((one) => allowed.includes(one));
}
