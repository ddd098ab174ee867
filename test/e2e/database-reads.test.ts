import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImagePage, POSITION_HEADER } from '@safelight/contract';
import { createClient, type SafelightClient } from '@safelight/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SERVICE_LOGIN } from '../../packages/service/src/db/login.ts';
import { DatabaseCluster } from '../support/database-cluster.ts';
import { addTenant } from '../support/database-url.ts';
import { tinyPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const LAG_SECONDS = 3;
/** Of a read that finds its standby silent: the second after which it goes to the writer, and a loaded machine. */
const SILENT_READ_MS_MAX = 3_000;
const FAST_MS_MAX = 1_000;
/** A position that this installation will not come to. */
const FAR_AHEAD = 'FFFFFFFFFFFF';

let cluster: DatabaseCluster;
let folder: string;
let nodes: Safelight[];
let authorization: string;
let jpeg: Buffer;

beforeAll(async () => {
  jpeg = await tinyPhoto();
  folder = await mkdtemp(join(tmpdir(), 'safelight-reads-'));
  cluster = await DatabaseCluster.start();
  await cluster.primary.query(`GRANT pg_read_all_stats TO ${SERVICE_LOGIN}`);
  authorization = await addTenant(cluster.url, 'acme');
  const env = {
    DATABASE_URL: cluster.url,
    SAFELIGHT_ROLES: 'api',
    SAFELIGHT_OBJECTS: `file:${folder}`,
    SAFELIGHT_DATABASE_LAG_SECONDS: String(LAG_SECONDS),
  };
  nodes = [await Safelight.start({ env }), await Safelight.start({ env })];
}, 120_000);
afterAll(async () => {
  await Promise.all(nodes?.map((node) => node.close()) ?? []);
  await cluster?.close();
  await rm(folder, { recursive: true, force: true });
});

/** The node that takes the writes, and another one, which has not seen them. */
const here = () => nodes[0] as Safelight;
const there = () => nodes[1] as Safelight;

async function upload(): Promise<{ id: string; position: string }> {
  const response = await fetch(`${here().url}/v1/images`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'image/jpeg' },
    body: Uint8Array.from(jpeg),
  });
  const { id } = (await response.json()) as { id: string };
  return { id, position: response.headers.get(POSITION_HEADER) ?? '' };
}

function get(node: Safelight, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${node.url}${path}`, { headers: { authorization, ...headers } });
}

async function lists(node: Safelight, id: string, headers?: Record<string, string>): Promise<boolean> {
  const response = await get(node, '/v1/images', headers);
  expect(response.status).toBe(200);
  const page = (await response.json()) as ImagePage;
  return page.images.some((image) => image.id === id);
}

async function servedBy(node: Safelight, at: 'writer' | 'reader'): Promise<number> {
  const metrics = await (await fetch(`${node.url}/metrics`)).text();
  return Number(new RegExp(`^safelight_database_reads_total\\{at="${at}"\\} (\\d+)`, 'm').exec(metrics)?.[1] ?? 0);
}

/** Whether the next list comes from a standby. */
async function isReadFromStandby(node: Safelight): Promise<boolean> {
  const before = await servedBy(node, 'reader');
  await get(node, '/v1/images');
  return (await servedBy(node, 'reader')) > before;
}

const standbysServe = (node: Safelight) => until('a standby serves reads', () => isReadFromStandby(node));

async function whileReplayIsPaused(work: () => Promise<void>): Promise<void> {
  const { standbys } = cluster;
  await Promise.all(standbys.map((standby) => standby.query('SELECT pg_wal_replay_pause()')));
  try {
    await work();
  } finally {
    await Promise.all(standbys.map((standby) => standby.query('SELECT pg_wal_replay_resume()')));
  }
}

describe('reads of a database of one primary and two standbys', () => {
  it('are served by a standby', async () => {
    const { id } = await upload();
    await standbysServe(here());
    await standbysServe(there());
    const before = await servedBy(there(), 'writer');
    expect(await lists(there(), id)).toBe(true);
    expect((await get(there(), `/v1/images/${id}`)).status).toBe(200);
    expect((await get(there(), `/v1/images/${id}/explain?w=10`)).status).toBe(200);
    expect(await servedBy(there(), 'writer')).toBe(before);
  });

  it('never show who wrote something the state before it, wherever he asks', async () => {
    await standbysServe(there());
    await whileReplayIsPaused(async () => {
      const { id, position } = await upload();
      // The other node has not heard of the write, and an old list is an answer.
      expect(await lists(there(), id)).toBe(false);
      expect(await isReadFromStandby(there())).toBe(true);
      // A client that says what it has seen.
      expect(await lists(there(), id, { [POSITION_HEADER]: position })).toBe(true);
      // A client that says nothing, at the node that took the write.
      expect(await lists(here(), id)).toBe(true);
    });
  });

  it('see everything with `Consistency: strong`, and name what else it may say', async () => {
    await standbysServe(there());
    await whileReplayIsPaused(async () => {
      const { id } = await upload();
      const client = createClient({ baseUrl: there().url, key: authorization.replace('Bearer ', '') });
      expect((await client.images.list({ consistency: 'strong' })).images[0]?.id).toBe(id);
    });
    const refused = await get(there(), '/v1/images', { consistency: 'eventual' });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: 'request_invalid',
      detail: 'consistency: must be one of session, strong.',
    });
    expect((await get(there(), '/v1/images', { [POSITION_HEADER]: '12' })).status).toBe(400);
  });

  it('find an image by its id though no standby has it yet, and never go back to before an answer', async () => {
    await standbysServe(there());
    await whileReplayIsPaused(async () => {
      const { id } = await upload();
      expect((await get(there(), `/v1/images/${id}`)).status).toBe(200);
      expect(await lists(there(), id)).toBe(true);
    });
  });

  it('go to the writer when the standbys are too far behind, and come back by themselves', async () => {
    await standbysServe(there());
    await whileReplayIsPaused(async () => {
      const { id } = await upload();
      const client = (node: Safelight) => createClientOf(node);
      expect((await client(there()).images.list()).images[0]?.id).not.toBe(id);
      // Nobody tells this node anything: what it lists is as old as it may be, and then no older.
      await until('the list is new', () => lists(there(), id), 1000 * LAG_SECONDS + 10_000);
      expect(await isReadFromStandby(there())).toBe(false);
    });
    await standbysServe(there());
    expect(there().output).toMatch(/serves no reads for now/);
  });

  it('wait a moment for a standby that is about to catch up', async () => {
    await standbysServe(here());
    const before = await servedBy(here(), 'reader');
    for (let i = 0; i < 20; i += 1) {
      const { id } = await upload();
      expect(await lists(here(), id)).toBe(true);
    }
    expect((await servedBy(here(), 'reader')) - before).toBeGreaterThan(0);
  });

  it('go on when a standby is killed, and when one falls silent', async () => {
    await standbysServe(there());
    const { id } = await upload();
    const [first, second] = cluster.standbys;
    if (!first || !second) throw new Error('two standbys');
    await first.kill();
    for (let i = 0; i < 10; i += 1) expect(await lists(there(), id)).toBe(true);
    await standbysServe(there());
    second.pause(true);
    try {
      for (let i = 0; i < 3; i += 1) {
        const startMs = performance.now();
        expect(await lists(there(), id)).toBe(true);
        expect(performance.now() - startMs).toBeLessThan(SILENT_READ_MS_MAX);
      }
    } finally {
      second.pause(false);
    }
    await first.start();
    await standbysServe(there());
  });

  it('do not wait for what was lost with a former primary', async () => {
    const { position } = await upload();
    const old = cluster.primary;
    await old.kill();
    await cluster.promote();
    await until('writes work again', async () => (await upload()).position > position);
    await standbysServe(there());
    const startMs = performance.now();
    for (const timeline of ['00000001', '00000002', '00000009']) {
      const told = { [POSITION_HEADER]: `${timeline}0000${FAR_AHEAD}` };
      expect((await get(there(), '/v1/images', told)).status).toBe(200);
    }
    expect(performance.now() - startMs).toBeLessThan(FAST_MS_MAX);
    await standbysServe(there());
    await cluster.rejoin(old);
  });
});

function createClientOf(node: Safelight): SafelightClient {
  return createClient({ baseUrl: node.url, key: authorization.replace('Bearer ', '') });
}
