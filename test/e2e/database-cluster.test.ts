import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostsOf } from '../../packages/service/src/db/cluster/hosts.ts';
import { writerOf } from '../../packages/service/src/db/cluster/writer.ts';
import { UploadLoad } from '../chaos/failover.ts';
import { expectProblem } from '../support/answers.ts';
import type { ClusterServer } from '../support/cluster-server.ts';
import { DatabaseCluster } from '../support/database-cluster.ts';
import { addTenant, withDatabase } from '../support/database-url.ts';
import { tinyPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const CLIENTS = 3;
/** Between the promotion and the first write stand a look at each host (100 ms apart) and a new connection. */
const WRITES_BACK_MS_MAX = 10_000;
const FAST_MS_MAX = 1_500;

let cluster: DatabaseCluster;
let node: Safelight;
let authorization: string;
let jpeg: Buffer;

beforeAll(async () => {
  jpeg = await tinyPhoto();
  cluster = await DatabaseCluster.start();
  authorization = await addTenant(cluster.url, 'acme');
  node = await Safelight.start({ env: { DATABASE_URL: cluster.url, SAFELIGHT_WORKERS: '1' } });
}, 120_000);
afterAll(async () => {
  await node?.close();
  await cluster?.close();
});

const load = () => new UploadLoad({ url: node.url, authorization, jpeg, clients: CLIENTS });

function upload(): Promise<Response> {
  return fetch(`${node.url}/v1/images`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'image/jpeg' },
    body: Uint8Array.from(jpeg),
  });
}

async function isAccepted(): Promise<boolean> {
  return (await upload()).ok;
}

const nameOfWriter = async () => portOf((await writerOf(cluster.url)).connectionString);
const portOf = (url: string | undefined) => Number(new URL(url ?? '').port);

describe('a node on a database of one primary and two standbys', () => {
  let former: ClusterServer;

  it('goes on when the primary is killed under load, and loses nothing that it acknowledged', async () => {
    const uploads = load();
    await uploads.acknowledgedSince(0, 10);
    former = cluster.primary;
    const killedAtMs = performance.now();
    await former.kill();
    await cluster.promote();
    const backAtMs = await uploads.acknowledgedSince(killedAtMs, 10);
    await uploads.stop();
    expect(backAtMs - killedAtMs).toBeLessThan(WRITES_BACK_MS_MAX);
    for (const { status, retryAfter } of uploads.failed) expect([status, retryAfter]).toEqual([503, '1']);
    expect(await uploads.lost()).toEqual([]);
  });

  it('does not follow the old primary that comes back and takes itself for the writer', async () => {
    await former.start();
    const [{ isWriter } = { isWriter: false }] = await former.query<{ isWriter: boolean }>(
      'SELECT NOT pg_is_in_recovery() AS "isWriter"',
    );
    expect(isWriter).toBe(true);
    // Whoever asks now hears two that claim it, in whatever order they answer.
    expect(await nameOfWriter()).toBe(cluster.primary.port);
    const uploads = load();
    await uploads.acknowledgedSince(0, 10);
    await uploads.stop();
    expect(uploads.failed).toEqual([]);
    const backends = await former.query(
      `SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query ~ 'INSERT'`,
    );
    expect(backends).toEqual([]);
  });

  it('answers 503 at once while the writer is paused, rather than follow an older one, and follows the next', async () => {
    const paused = cluster.primary;
    paused.pause(true);
    try {
      // Three seconds without an answer tell that it is not there, and two more end what was under way.
      await until('requests are refused at once', async () => {
        const startMs = performance.now();
        const response = await upload();
        const isFast = performance.now() - startMs < FAST_MS_MAX;
        return isFast && expectProblem(response, 'database_unavailable');
      });
      await cluster.promote();
      await cluster.rejoin(former);
      await until('writes work again', isAccepted);
    } finally {
      paused.pause(false);
    }
    const uploads = load();
    await uploads.acknowledgedSince(0, 10);
    await uploads.stop();
    expect(uploads.failed).toEqual([]);
    expect(await uploads.lost()).toEqual([]);
    await cluster.rejoin(paused);
  });

  it('hears what is notified on the new writer', async () => {
    await withDatabase(cluster.url, async (database) => {
      await database.findWriter(10_000);
      const { promise: heard, resolve } = Promise.withResolvers<string>();
      const unlisten = database.listen('a_channel', (payload) => payload !== '' && resolve(payload));
      const old = cluster.primary;
      await old.kill();
      await cluster.promote();
      await until('the news', async () => {
        await database.query(`SELECT pg_notify('a_channel', 'news')`).catch(() => undefined);
        return Promise.race([heard, Promise.resolve(undefined)]);
      });
      unlisten();
      expect(await heard).toBe('news');
    });
  });
});

it('each host of a URL is a URL of its own', () => {
  expect(hostsOf('postgres://u:p%40@one:1,two,[::1]:3/db?sslmode=disable')).toEqual([
    { connectionString: 'postgres://u:p%40@one:1/db?sslmode=disable' },
    { connectionString: 'postgres://u:p%40@two/db?sslmode=disable' },
    { connectionString: 'postgres://u:p%40@[::1]:3/db?sslmode=disable' },
  ]);
  expect(hostsOf('postgres://u:p@/db?host=%2Ftmp')).toEqual([{ connectionString: 'postgres://u:p@/db?host=%2Ftmp' }]);
});
