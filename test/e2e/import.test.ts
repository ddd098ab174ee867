import { createHash } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PlanLimits } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, expectProblem } from '../support/answers.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { append, begin, tus } from '../support/tus.ts';

const BYTES_MAX = 1_000_000;

describe('an image whose bytes its sender does not send', () => {
  let installation: Installation;
  let node: FleetNode;
  let photo: Buffer;
  const servers: Server[] = [];
  const serve = async (listener: RequestListener, host = '127.0.0.1'): Promise<number> => {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((done) => server.listen(0, host, done));
    return (server.address() as AddressInfo).port;
  };
  const post = (body: unknown, headers: Record<string, string> = installation.tenant) =>
    fetch(`${node.url}/v1/images`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });

  /** Gives the tenant a plan of these limits; the node that is told follows at once. */
  const usePlan = async (limits: Partial<PlanLimits>) => {
    const headers = { ...installation.operator, 'content-type': 'application/json' };
    for (const [method, path, body] of [
      ['PUT', '/v1/admin/plans/slow', { limits }],
      ['PATCH', '/v1/admin/tenants/tenant-a', { plan: 'slow' }],
    ] as const) {
      expect((await fetch(`${node.url}${path}`, { method, headers, body: JSON.stringify(body) })).status).toBe(200);
    }
  };

  beforeAll(async () => {
    photo = await smallPhoto();
    installation = await createInstallation();
    await installation.test.database.query(
      `UPDATE tenants SET settings = jsonb_build_object('sourceHosts', jsonb_build_array('127.0.0.1', '127.0.0.2', 'localhost.invalid'))
       WHERE tenant_id = $1`,
      [installation.test.tenants.a],
    );
    const env = {
      SAFELIGHT_OUTBOUND_ALLOW: '127.0.0.1/32,127.0.0.3/32',
      SAFELIGHT_UPLOAD_BYTES_MAX: String(BYTES_MAX),
      SAFELIGHT_UPLOAD_IDLE_SECONDS: '1',
    };
    node = await installation.start({ roles: 'api', env });
  });
  afterAll(async () => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await installation.close();
  });

  describe('is fetched from a URL, and', () => {
    it('becomes what it would have become by itself', async () => {
      const bytes = unlike(photo);
      const port = await serve((request, response) => {
        if (request.url === '/moved/picture%20one.jpg') response.end(bytes);
        else response.writeHead(302, { location: '/moved/picture%20one.jpg' }).end();
      });
      const image = await expectImage(await post({ url: `http://127.0.0.1:${port}/`, tags: ['found'] }));
      expect(image).toMatchObject({
        sha256: createHash('sha256').update(bytes).digest('hex'),
        filename: 'picture one.jpg',
        tags: ['found'],
      });
    });

    it('comes at the pace of its tenant, which is not its server’s fault', async () => {
      // More than streams hold on its way: the last of them wait here for longer than a server may say nothing.
      const bytes = Buffer.concat([unlike(photo), Buffer.alloc(300_000)]);
      const port = await serve((_request, response) => response.end(bytes));
      await usePlan({ bytesInPerSecond: Math.ceil(bytes.length / 4) });
      const since = performance.now();
      await expectImage(await post({ url: `http://127.0.0.1:${port}/a.jpg` }));
      expect(performance.now() - since).toBeGreaterThan(1_500);
      await usePlan({});
    });

    it('is one image under one Idempotency-Key, fetched once', async () => {
      let asked = 0;
      const bytes = unlike(photo);
      const port = await serve((_request, response) => {
        asked += 1;
        response.end(bytes);
      });
      const headers = { ...installation.tenant, 'idempotency-key': 'import-1' };
      const url = `http://127.0.0.1:${port}/a.jpg`;
      const [first, again] = [await expectImage(await post({ url }, headers)), await post({ url }, headers)];
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect((await expectImage(again)).id).toBe(first.id);
      expect(asked).toBe(1);
      await expectProblem(await post({ url, tags: ['other'] }, headers), 'idempotency_key_reused');
    });

    it('comes from hosts that the tenant allows, and from networks that are public', async () => {
      let asked = 0;
      const secret: RequestListener = (_request, response) => {
        asked += 1;
        response.end(photo);
      };
      const inside = await serve(secret, '127.0.0.2');
      const port = await serve((_request, response) => {
        response.writeHead(302, { location: `http://127.0.0.2:${inside}/` }).end();
      });
      const notListed = await serve(secret, '127.0.0.3');
      await expectProblem(await post({ url: `http://127.0.0.3:${notListed}/` }), 'source_forbidden');
      await expectProblem(await post({ url: `http://127.0.0.2:${inside}/` }), 'source_forbidden');
      await expectProblem(await post({ url: `http://127.0.0.1:${port}/` }), 'source_forbidden');
      await expectProblem(await post({ url: 'file:///etc/passwd' }), 'source_forbidden');
      await expectProblem(await post({ url: `http://a:b@127.0.0.1:${port}/` }), 'source_forbidden');
      await expectProblem(await post({ url: 'http://localhost.invalid/' }), 'source_unreachable');
      expect(asked).toBe(0);
    });

    it('is refused with what is wrong with its source', async () => {
      const bodies: Record<string, RequestListener> = {
        '/missing': (_request, response) => response.writeHead(404).end('no'),
        '/page': (_request, response) => response.end('<html>'),
        '/silent': (_request, response) => response.write('a beginning'),
        '/huge': (_request, response) => {
          response.write(Buffer.alloc(BYTES_MAX));
          response.end('and more');
        },
        '/cut': (_request, response) => {
          response.writeHead(200, { 'content-length': 1_000 }).write('half');
          setTimeout(() => response.destroy(), 20);
        },
      };
      const port = await serve((request, response) => bodies[request.url ?? '']?.(request, response));
      const ask = (path: string) => post({ url: `http://127.0.0.1:${port}${path}` });
      const detail = async (path: string) => (await expectProblem(await ask(path), 'source_refused')).detail;
      expect(await detail('/missing')).toContain('404');
      await expectProblem(await ask('/page'), 'image_invalid');
      await expectProblem(await ask('/silent'), 'source_too_slow');
      expect((await expectProblem(await ask('/huge'), 'upload_too_large')).bound).toMatchObject({ limit: BYTES_MAX });
      await expectProblem(await ask('/cut'), 'source_unreachable');
      await expectProblem(await post({ url: 5 }), 'request_invalid');
      await expectProblem(await post({ url: 'x', other: 1 }), 'request_invalid');
      const objects = installation.test.database.query(`SELECT FROM originals WHERE bytes < 100`);
      expect(await objects).toEqual([]);
    });
  });

  describe('is sent by a browser with a token, and', () => {
    const makeToken = async (wish: Record<string, unknown> = {}) => {
      const answer = await fetch(`${node.url}/v1/uploads/tokens`, {
        method: 'POST',
        headers: { ...installation.tenant, 'content-type': 'application/json' },
        body: JSON.stringify(wish),
      });
      expect(answer.status).toBe(201);
      const { token } = (await answer.json()) as { token: string };
      return { authorization: `Bearer ${token}` };
    };
    const send = (headers: Record<string, string>, bytes = unlike(photo)) =>
      fetch(`${node.url}/v1/images?tags=mine`, {
        method: 'POST',
        headers: { 'content-type': 'image/jpeg', ...headers },
        body: Uint8Array.from(bytes),
      });

    it('is one image, of the length and format that the token allows, with its tags', async () => {
      const token = await makeToken({ tags: ['web'], bytesMax: photo.length + 16, formats: ['jpeg'] });
      const png = await smallPng();
      await expectProblem(await send(token, png), 'image_format_unsupported');
      await expectProblem(await send(token, Buffer.concat([photo, Buffer.alloc(100)])), 'upload_too_large');
      const image = await expectImage(await send(token));
      expect(image.tags).toEqual(['mine', 'web']);
      await expectProblem(await send(token), 'upload_token_spent');
    });

    it('is counted once for each, however many are sent at once', async () => {
      const token = await makeToken({ imagesMax: 2 });
      const answers = await Promise.all([1, 2, 3, 4].map(() => send(token)));
      expect(answers.filter(({ ok }) => ok)).toHaveLength(2);
      for (const answer of answers) if (!answer.ok) await expectProblem(answer, 'upload_token_spent');
    });

    it('does nothing else with it, and sees no other upload than its own', async () => {
      const [token, other] = [await makeToken({ imagesMax: 5 }), await makeToken()];
      await expectProblem(await fetch(`${node.url}/v1/images`, { headers: token }), 'key_invalid');
      const tokens = await fetch(`${node.url}/v1/uploads/tokens`, { method: 'POST', headers: token });
      await expectProblem(tokens, 'key_invalid');
      await expectProblem(await send({ authorization: `Bearer slup_${'a'.repeat(43)}` }), 'key_invalid');
      const bytes = unlike(photo);
      const path = await begin({ url: node.url, headers: token }, bytes.length);
      expect((await tus({ url: node.url, headers: other }, 'HEAD', path)).status).toBe(404);
      await expectProblem(await append({ url: node.url, headers: other }, path, 0, bytes), 'upload_not_found');
      const done = await append({ url: node.url, headers: token }, path, 0, bytes);
      expect(done.headers.get('safelight-image')).toMatch(/^img_/);
      const seen = await fetch(`${node.url}${path}`, { headers: token });
      expect(await seen.json()).toMatchObject({ state: 'finished', image: { bytes: bytes.length } });
    });

    it('comes from pages of its origin, which may read what they are answered', async () => {
      const token = await makeToken({ origin: 'https://shop.example', imagesMax: 5 });
      const preflight = await fetch(`${node.url}/v1/images`, {
        method: 'OPTIONS',
        headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
      });
      expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization');
      const sent = await send({ ...token, origin: 'https://shop.example' });
      expect(sent.headers.get('access-control-allow-origin')).toBe('https://shop.example');
      expect(sent.headers.get('access-control-expose-headers')).toContain('location');
      await expectImage(sent);
      await expectProblem(await send({ ...token, origin: 'https://evil.example' }), 'origin_refused');
      await expectProblem(await send(token), 'origin_refused');
      // A key promises pages of other origins nothing.
      const byKey = await send({ ...installation.tenant, origin: 'https://shop.example' });
      expect(byKey.headers.get('access-control-allow-origin')).toBeNull();
    });

    it('is over with it soon', async () => {
      const token = await makeToken({ expiresInSeconds: 60 });
      await installation.test.database.query(`UPDATE upload_tokens SET expires_at = now() - interval '1 s'`);
      await expectProblem(await send(token), 'key_invalid');
    });
  });

  it('is not put into the store by itself where the store is a folder', async () => {
    const answer = await fetch(`${node.url}/v1/uploads/direct`, {
      method: 'POST',
      headers: { ...installation.tenant, 'content-type': 'application/json' },
      body: JSON.stringify({ bytes: 100 }),
    });
    await expectProblem(answer, 'direct_upload_unsupported');
  });
});

async function smallPng(): Promise<Buffer> {
  // The smallest there is: one transparent pixel.
  return Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
    'base64',
  );
}
