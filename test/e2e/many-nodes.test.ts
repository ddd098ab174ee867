import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readVersion } from '../../packages/service/src/version.ts';
import { expectImage, expectProblem } from '../support/answers.ts';
import { createInstallation, type FleetNode, type Installation, type RegisteredNode } from '../support/nodes.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { connectTo, readAnswer } from '../support/raw-http.ts';
import { until } from '../support/until.ts';
import { UploadLoad } from '../support/upload-load.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));
/** A lease and a look, and what a busy machine adds. */
const TAKEN_OVER_MS_MAX = 40_000;
const KILLS_MS_MAX = 120_000;

describe('three nodes on one database and one store', () => {
  let installation: Installation;
  let photo: Buffer;
  /** One with the API and the janitor, one with API and worker, one with a worker alone. */
  let front: FleetNode;
  let both: FleetNode;
  let back: FleetNode;

  beforeAll(async () => {
    photo = await smallPhoto();
    installation = await createInstallation();
    [front, both, back] = await Promise.all([
      installation.start({ roles: 'api,janitor' }),
      installation.start({ roles: 'api,worker' }),
      installation.start({ roles: 'worker' }),
    ]);
  });
  afterAll(() => installation.close());

  const send = (node: FleetNode, query = '') =>
    fetch(`${node.url}/v1/images${query}`, {
      method: 'POST',
      headers: { ...installation.tenant, 'content-type': 'image/jpeg' },
      body: Uint8Array.from(unlike(photo)),
    });
  /** Runs the command line on a machine that is none of the nodes. */
  const safelight = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [BIN, ...args], {
      env: { PATH: process.env.PATH, ...installation.env, SAFELIGHT_DATA: installation.folder },
    });
  /** The same address, of another node. */
  const at = (node: FleetNode, url: string) => `${node.url}${url.slice(new URL(url).origin.length)}`;
  const inRegistry = async (id: string): Promise<RegisteredNode | undefined> =>
    (await installation.registry(front)).find((node) => node.id === id);

  it('are in the registry, which each of them and the command line can read', async () => {
    for (const node of [front, both]) {
      const nodes = await installation.registry(node);
      expect(nodes.map(({ id }) => id).sort()).toEqual([front.id, both.id, back.id].sort());
      for (const { state } of nodes) expect(state).toBe('up');
    }
    expect(await inRegistry(front.id)).toMatchObject({
      roles: ['api', 'janitor'],
      workerProcesses: 0,
      address: front.url,
    });
    expect(await inRegistry(back.id)).toMatchObject({ roles: ['worker'], workerProcesses: 1, version: readVersion() });
    expect(await inRegistry(back.id)).not.toHaveProperty('address');
    const { stdout } = await safelight('nodes');
    for (const { id } of [front, both, back]) expect(stdout).toContain(`${id}  up`);
    await until('a node has counted', async () => {
      const metrics = await (await fetch(`${front.url}/metrics`)).text();
      return /safelight_nodes\{state="up"\} [123]\n/.test(metrics);
    });
  });

  it('tell of each other to the operator alone', async () => {
    const ask = (headers: Record<string, string>, query = '') =>
      fetch(`${both.url}/v1/admin/nodes${query}`, { headers });
    await expectProblem(await ask({}), 'key_missing');
    await expectProblem(await ask({ authorization: 'Bearer nonsense' }), 'key_invalid');
    await expectProblem(await ask(installation.tenant), 'scope_missing');
    await expectProblem(await ask(installation.operator, '?after=img_1'), 'request_invalid');
    await expectProblem(await ask(installation.operator, '?limit=0'), 'request_invalid');
    const page = (await (await ask(installation.operator, '?limit=2')).json()) as { nodes: unknown[]; next: string };
    expect(page.nodes).toHaveLength(2);
    const rest = await (await ask(installation.operator, `?after=${page.next}`)).json();
    expect(rest).toEqual({ nodes: [expect.objectContaining({ state: 'up' })] });
  });

  it('serve every picture, whoever took it and whoever made it', async () => {
    const images = await Promise.all(
      [send(front, '?wait=20'), send(both, '?wait=20')].map(async (r) => expectImage(await r)),
    );
    for (const { urls } of images) {
      for (const url of Object.values(urls)) {
        const answers = await Promise.all([front, both].map((node) => fetch(at(node, url))));
        expect(answers.map(({ status }) => status)).toEqual([200, 200]);
        const [one, other] = await Promise.all(answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())));
        expect(one?.equals(other ?? Buffer.of())).toBe(true);
      }
    }
  });

  it('wait for each other: the GET of a pending picture at one is answered by the work of another', async () => {
    const { urls } = await expectImage(await send(front));
    const answer = await fetch(at(front, urls.large ?? ''));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('image/jpeg');
    await answer.arrayBuffer();
  });

  it(
    'lose nothing that was acknowledged when any one of them is killed under load, and the others go on',
    async () => {
      const load = new UploadLoad(installation, photo);
      const held = async (node: FleetNode) =>
        (await installation.test.database.query('SELECT FROM jobs WHERE leased_by = $1', [node.id])).length > 0;
      load.start(front, both);
      // A worker alone, while it holds a job.
      await until('the worker holds a job', () => held(back));
      await back.kill();
      // API and worker: who uploads there goes to the other.
      await load.acknowledges(5);
      await until('the other worker holds a job', () => held(both));
      load.leave(both);
      await both.kill();
      const successor = await installation.start({ roles: 'api,worker' });
      load.start(successor);
      await load.acknowledges(3, successor);
      load.leave(front);
      await front.kill();
      await load.acknowledges(5);
      await load.stop();

      expect(load.failedElsewhere).toEqual([]);
      for (const { id } of load.acknowledged) {
        await until(`${id} is ready`, () => isReady(installation, successor, id), TAKEN_OVER_MS_MAX);
      }
      const nodes = await until(
        'the registry says who is gone',
        async () => {
          const all = await installation.registry(successor);
          return all.filter(({ state }) => state === 'gone').length === 3 && all;
        },
        TAKEN_OVER_MS_MAX,
      );
      expect(nodes.find(({ id }) => id === successor.id)?.state).toBe('up');
    },
    KILLS_MS_MAX,
  );

  it('end without haste: the balancer is told first, who still comes is served, and the registry forgets the node', async () => {
    const [other, ending] = await Promise.all([
      installation.start({ roles: 'api,janitor' }),
      installation.start({ roles: 'api,worker', env: { SAFELIGHT_DRAIN_SECONDS: '4' } }),
    ]);
    front = other;
    const slow = connectTo(ending.url);
    const bytes = unlike(photo);
    const { authorization } = installation.tenant;
    slow.write(`POST /v1/images HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n`);
    slow.write(`content-type: image/jpeg\r\ncontent-length: ${bytes.length}\r\n\r\n`);
    slow.write(bytes.subarray(0, 1_000));
    ending.process.kill('SIGTERM');
    const ready = await until(
      'readiness refuses',
      async () => {
        const answer = await fetch(`${ending.url}/readyz`);
        return answer.status === 503 && answer;
      },
      3_500,
    );
    expect(await ready.json()).toMatchObject({ status: 'not_ready' });
    await until('the registry knows', async () => (await inRegistry(ending.id))?.state === 'draining', 3_500);
    // Whoever has not heard yet is served, and told to go elsewhere next time.
    const late = await send(ending);
    expect(late.headers.get('connection')).toBe('close');
    await expectImage(late);
    await sleep(100);
    slow.write(bytes.subarray(1_000));
    expect((await readAnswer(slow)).status).toBe(202);
    if (ending.process.exitCode === null) await once(ending.process, 'exit');
    expect(ending.process.exitCode).toBe(0);
    expect(await inRegistry(ending.id)).toBeUndefined();
  });

  it('seal one log with a key each: a machine that has none finds it sound', async () => {
    const keys = await until('both janitors have signed', async () => {
      const rows = await installation.test.database.query<{ key_id: string }>(
        'SELECT DISTINCT key_id FROM event_checkpoints ORDER BY key_id',
      );
      return rows.length === 2 && rows.map(({ key_id }) => key_id);
    });
    const { stdout } = await safelight('audit', 'verify', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ findings: [], keyIds: keys });
  });
});

async function isReady(installation: Installation, node: FleetNode, id: string): Promise<boolean> {
  const answer = await fetch(`${node.url}/v1/images/${id}`, { headers: installation.tenant });
  return (await expectImage(answer)).state === 'ready';
}
