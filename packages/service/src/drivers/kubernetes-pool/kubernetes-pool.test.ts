import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeMachinePool } from '../../ports/machine-pool.contract.ts';
import {
  type MachinePool,
  PoolChangedError,
  PoolRefusedError,
  PoolUnavailableError,
} from '../../ports/machine-pool.ts';
import { ApiServer, refuse, WORKLOAD } from './api-server.fixture.ts';
import { openKubernetesPool } from './index.ts';

const KIND = { workers: 2, connections: 17, startSeconds: 30 };

async function open() {
  const server = new ApiServer();
  const url = await server.start();
  const { accountDirectory } = server;
  const pool = openKubernetesPool({ ...WORKLOAD, url, accountDirectory, kind: KIND });
  const close = async () => {
    await pool.close();
    await server.close();
    expect(server.violations).toEqual([]);
  };
  return { server, url, pool, kill: async () => server.killPod(), close };
}

describeMachinePool('kubernetes', open);

describe('a pool of pods', () => {
  let server: ApiServer;
  let pool: MachinePool;
  let url: string;
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ server, pool, url, close } = await open());
  });
  afterEach(() => close());

  it('knows its pods by their host names', () => {
    const owns = (host: string) => pool.owns({ nodeId: 'node_1', host });
    expect(owns('safelight-worker-7d4b9c6f5-x2x8k')).toBe(true);
    expect(owns('safelight-worker-0')).toBe(true);
    expect(owns('safelight-api-7d4b9c6f5-x2x8k')).toBe(false);
    expect(owns('safelight-worker')).toBe(false);
  });

  it('reads its token anew for each request, since it expires', async () => {
    await pool.look();
    server.writeToken('second-token');
    await expect(pool.look()).resolves.toMatchObject({ ordered: 0 });
  });

  it.each([
    [401, 'Unauthorized', PoolRefusedError],
    [403, 'deployments.apps "safelight-worker" is forbidden', PoolRefusedError],
    [404, 'deployments.apps "safelight-worker" not found', PoolRefusedError],
    [409, 'the object has been modified', PoolChangedError],
    [429, 'too many requests', PoolUnavailableError],
    [500, 'etcdserver: request timed out', PoolUnavailableError],
    [503, 'apiserver is shutting down', PoolUnavailableError],
  ])('says what a %i means', async (status, message, error) => {
    server.answer = (_, response) => {
      refuse(response, status, message);
      return true;
    };
    const failure = await pool.look().catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(error);
    expect((failure as Error).message).toContain(`${status}`);
    expect((failure as Error).message).toContain(message);
  });

  it.each([
    ['no JSON', '<html>'],
    ['something else', '{"kind":"Deployment","metadata":{"resourceVersion":"1"}}'],
    ['nothing', ''],
  ])('takes %s for no answer', async (_, body) => {
    server.answer = (_request, response) => response.end(body) !== undefined;
    await expect(pool.look()).rejects.toThrow(/Kubernetes API answered/);
  });

  it('gives up on an answer without end', async () => {
    server.answer = (_, response) => {
      response.on('error', () => undefined);
      return response.write('x'.repeat(2 ** 21)) !== undefined;
    };
    await expect(pool.look()).rejects.toThrow(PoolUnavailableError);
  });

  it('does not speak to a server whose certificate its cluster did not sign', async () => {
    const other = new ApiServer();
    await other.start();
    const { accountDirectory } = other;
    const wary = openKubernetesPool({ ...WORKLOAD, url, accountDirectory, kind: KIND });
    const before = server.requests;
    await expect(wary.look()).rejects.toThrow(/self-signed|certificate/);
    expect(server.requests).toBe(before);
    await other.close();
  });

  it('names the file of the service account that lacks', async () => {
    const accountDirectory = join(server.accountDirectory, 'none');
    const nobody = openKubernetesPool({ ...WORKLOAD, url, accountDirectory, kind: KIND });
    await expect(nobody.look()).rejects.toThrow(PoolRefusedError);
    await expect(nobody.look()).rejects.toThrow(/service account.*token/);
  });

  it('sends no token in the clear', async () => {
    const seen: (string | undefined)[] = [];
    const proxy = createServer((request, response) => {
      seen.push(request.headers.authorization);
      refuse(response, 403, 'no');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => proxy.once('listening', resolve));
    const address = proxy.address() as { port: number };
    const { accountDirectory } = server;
    const clear = openKubernetesPool({
      ...WORKLOAD,
      url: `http://127.0.0.1:${address.port}`,
      accountDirectory,
      kind: KIND,
    });
    await expect(clear.look()).rejects.toThrow(PoolRefusedError);
    expect(seen).toEqual([undefined]);
    proxy.closeAllConnections();
    proxy.close();
  });
});
