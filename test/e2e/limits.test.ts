import { isDeepStrictEqual } from 'node:util';
import { type PlanLimits, planLimitsSchema } from '@safelight/contract';
import { createClient } from '@safelight/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { createKey, newKeySecret } from '../../packages/service/src/tenants/index.ts';
import { expectImage, expectProblem } from '../support/answers.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { until } from '../support/until.ts';

const RATE = 5;
const BURST = 10;
const FLOOD_MS = 6_000;
const STANDING = /^"requests";r=\d+;t=\d+$/;

describe('limits of a plan on two nodes', () => {
  let installation: Installation;
  let nodes: readonly [FleetNode, FleetNode];
  let picture: Buffer;
  /** Headers with a key of each tenant. */
  let a: { readonly authorization: string };
  let b: { readonly authorization: string };

  beforeAll(async () => {
    picture = await smallPhoto();
    installation = await createInstallation();
    a = await keyOf(installation.test.tenants.a);
    b = await keyOf(installation.test.tenants.b);
    // Whoever sends so slowly by himself is cut off.
    const env = { SAFELIGHT_UPLOAD_IDLE_SECONDS: '1', SAFELIGHT_UPLOAD_RATE_MIN: '200000' };
    nodes = await Promise.all([
      installation.start({ roles: 'api,worker,janitor', env }),
      installation.start({ roles: 'api', env }),
    ]);
  });
  afterAll(() => installation.close());

  async function keyOf(tenantId: string) {
    const secret = newKeySecret(systemClock);
    const scopes = ['images:read', 'images:write', 'usage:read'] as const;
    await installation.test.database.transaction((tx) => createKey(tx, systemClock, { tenantId, secret, scopes }));
    return { authorization: `Bearer ${secret}` };
  }
  const asOperator = async (method: string, path: string, body: unknown) => {
    const headers = { ...installation.operator, 'content-type': 'application/json' };
    const response = await fetch(`${nodes[0].url}${path}`, { method, headers, body: JSON.stringify(body) });
    expect({ path, ok: response.ok, text: await response.text() }).toMatchObject({ path, ok: true });
  };
  /** Gives tenant A a plan of these limits, and waits until both nodes know. */
  const limit = async (limits: Partial<PlanLimits>) => {
    await asOperator('PUT', '/v1/admin/plans/limited', { limits });
    await asOperator('PATCH', '/v1/admin/tenants/tenant-a', { plan: 'limited' });
    const expected = planLimitsSchema.parse(limits);
    for (const { url } of nodes) {
      const key = a.authorization.slice('Bearer '.length);
      const client = createClient({ baseUrl: url, key });
      await until('the plan holds', async () => isDeepStrictEqual((await client.limits()).limits, expected));
    }
  };
  const send = (node: FleetNode, headers: Record<string, string>, body: Uint8Array = unlike(picture)) =>
    fetch(`${node.url}/v1/images?wait=10`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'image/jpeg' },
      body: Uint8Array.from(body),
    });
  /** One request of the tus protocol with all there is. */
  const sendResumable = (body: Uint8Array) =>
    fetch(`${nodes[0].url}/v1/uploads`, {
      method: 'POST',
      headers: {
        ...a,
        'tus-resumable': '1.0.0',
        'upload-length': String(body.length),
        'content-type': 'application/offset+octet-stream',
      },
      body: Uint8Array.from(body),
    });

  it('hold a tenant to its rate of requests on both together, tell it so, and leave the other alone', async () => {
    await limit({ requestsPerSecond: RATE, requestsBurst: BURST });
    const counts = { admitted: 0, refused: 0, others: 0 };
    const since = performance.now();
    const isOver = () => performance.now() - since > FLOOD_MS;
    let refusal: Response | undefined;
    const flood = async (node: FleetNode) => {
      while (!isOver()) {
        const response = await fetch(`${node.url}/v1/images?limit=1`, { headers: a });
        if (response.status === 429) {
          counts.refused += 1;
          refusal ??= response;
        } else {
          expect(response.status).toBe(200);
          counts.admitted += 1;
          await response.arrayBuffer();
        }
        if (response !== refusal) await response.arrayBuffer().catch(() => undefined);
      }
    };
    const neighbour = async () => {
      while (!isOver()) {
        const response = await fetch(`${nodes[1].url}/v1/images?limit=1`, { headers: b });
        expect(response.status).toBe(200);
        expect(response.headers.has('ratelimit')).toBe(false);
        await response.arrayBuffer();
        counts.others += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    await Promise.all([...nodes.flatMap((node) => [flood(node), flood(node)]), neighbour()]);
    const seconds = (performance.now() - since) / 1_000;
    // One request more on each node, whose bucket holds one at least.
    expect(counts.admitted).toBeLessThanOrEqual(BURST + RATE * seconds + nodes.length);
    expect(counts.admitted).toBeGreaterThan(RATE * seconds * 0.6);
    expect(counts.others).toBeGreaterThan(5);
    if (!refusal) throw new Error('nothing was refused');
    expect(refusal.headers.get('ratelimit-policy')).toBe(`"requests";q=${BURST};w=2`);
    expect(refusal.headers.get('ratelimit')).toMatch(STANDING);
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    const problem = await expectProblem(refusal, 'rate_limited');
    expect(problem.bound).toEqual({ name: 'requestsPerSecond', limit: RATE });
  });

  it('let a quiet tenant through on either node, and tell how much is left', async () => {
    await limit({ requestsPerSecond: RATE, requestsBurst: BURST });
    for (const { url } of nodes) {
      await until('there is room', async () => (await fetch(`${url}/v1/images`, { headers: a })).status === 200);
      expect((await fetch(`${url}/v1/limits`, { headers: a })).headers.get('ratelimit')).toMatch(STANDING);
    }
  });

  it('slow deliveries and uploads of the tenant, and nobody else’s', async () => {
    await limit({});
    const bytes = picture.length;
    const { urls } = await expectImage(await send(nodes[0], a, picture));
    const theirs = await expectImage(await send(nodes[0], b, picture));
    await limit({ bytesInPerSecond: Math.ceil(bytes / 2), bytesOutPerSecond: Math.ceil(bytes / 2) });
    const read = async (headers: Record<string, string>, url = '') => {
      const since = performance.now();
      const response = await fetch(url, { headers });
      expect(response.status).toBe(200);
      expect((await response.arrayBuffer()).byteLength).toBe(bytes);
      return performance.now() - since;
    };
    // One of two nodes has nine tenths of a rate at most.
    const slow = await read(a, urls.original);
    expect(slow).toBeGreaterThan(1_200);
    expect(await read(b, theirs.urls.original)).toBeLessThan(slow);
    const since = performance.now();
    await expectImage(await send(nodes[0], a, unlike(picture)));
    expect(performance.now() - since).toBeGreaterThan(1_200);
    const resumable = performance.now();
    expect((await sendResumable(unlike(picture))).status).toBe(201);
    expect(performance.now() - resumable).toBeGreaterThan(1_200);
  });

  it('end at the last byte of storage: of two uploads that race on two nodes one is taken', async () => {
    await limit({});
    const client = createClient({ baseUrl: nodes[0].url, key: a.authorization.slice('Bearer '.length) });
    await until('all is made', async () => (await client.limits()).rendersOwed === 0);
    const { storedBytes } = await client.limits();
    const bodies = [unlike(picture), unlike(picture)] as const;
    await limit({ storedBytesMax: storedBytes + Math.max(bodies[0].length, bodies[1].length) });
    const answers = await Promise.all([send(nodes[0], a, bodies[0]), send(nodes[1], a, bodies[1])]);
    expect(answers.map(({ status }) => status).sort()).toEqual([
      expect.toSatisfy((status: number) => status < 300),
      403,
    ]);
    const refused = answers.find(({ status }) => status === 403);
    if (refused) {
      const problem = await expectProblem(refused, 'storage_quota_exceeded');
      expect(problem.bound?.name).toBe('storedBytesMax');
    }
    await limit({});
  });

  it('end the renders of a day, and say when they go on', async () => {
    await limit({ rendersPerDay: 1 });
    const client = createClient({ baseUrl: nodes[0].url, key: a.authorization.slice('Bearer '.length) });
    const limits = await until('the renders so far are metered', async () => {
      const known = await client.limits();
      return known.rendersOfDay > 0 && known;
    });
    const refused = await until('it is refused', async () => {
      const answer = await send(nodes[0], a);
      return answer.status === 429 && answer;
    });
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(limits.dayLeftSeconds - 60);
    expect(wait).toBeLessThanOrEqual(limits.dayLeftSeconds);
    const problem = await expectProblem(refused, 'quota_exceeded');
    expect(problem.bound).toMatchObject({ name: 'rendersPerDay', limit: 1 });
  });

  it('end the deliveries of a month, and those alone', async () => {
    await limit({});
    const { urls } = await expectImage(await send(nodes[0], a));
    expect((await fetch(urls.small ?? '')).status).toBe(200);
    await limit({ bytesOutPerMonth: 1 });
    const refused = await until('it is refused', async () => {
      const answer = await fetch(urls.small ?? '');
      return answer.status === 429 && answer;
    });
    await expectProblem(refused, 'quota_exceeded');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${nodes[0].url}/v1/images`, { headers: a })).status).toBe(200);
  });
});
