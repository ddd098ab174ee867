import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient, SafelightError } from './index.ts';

let server: Server;
let seen: IncomingMessage[];
let answer: { readonly status: number; readonly body: unknown };
const client = () =>
  createClient({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: 'operator',
    retry: { backoffMs: 1 },
  });

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.push(request);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('the fleet', () => {
  test('is read page by page: the nodes, and what was decided on their number', async () => {
    answer = { status: 200, body: { nodes: [], decisions: [], next: '7' } };
    const { next } = await client().nodes({ limit: 2, after: 'node_1' });
    await client().scaling();
    await client().scaling({ limit: 500, before: next, changesOnly: true });
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/admin/nodes?limit=2&after=node_1',
      'GET /v1/admin/scaling',
      'GET /v1/admin/scaling?limit=500&before=7&changes=true',
    ]);
    expect(seen[0]?.headers.authorization).toBe('Bearer operator');
  });

  test('has a last decision in numbers, or says that nobody decides', async () => {
    answer = { status: 200, body: { workers: 3 } };
    expect(await client().scalingMetric()).toEqual({ workers: 3 });
    answer = { status: 503, body: { type: 'about:blank', title: 'T', status: 503, code: 'scaling_unknown' } };
    const refused = await client()
      .scalingMetric()
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SafelightError);
    expect((refused as SafelightError).code).toBe('scaling_unknown');
    expect(seen[1]?.url).toBe('/v1/admin/scaling/metric');
  });
});
