import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { fetchesOutside, type OutsideRequest } from './fetch-outside.ts';
import { OutsideError } from './outside-error.ts';

const BOUNDS: OutsideRequest = { bytesMax: 1_000_000, msMax: 10_000, idleMsMax: 5_000, redirectsMax: 3 };
const LOOPBACK = ['127.0.0.1/32'];
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

/** @returns the port of a server on 127.0.0.1, or another loopback address. */
async function serve(listener: RequestListener, host = '127.0.0.1'): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, host, done));
  return (server.address() as AddressInfo).port;
}

async function reasonOf(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OutsideError);
  return (error as OutsideError).reason;
}

describe('Asking outside', () => {
  const fetchOutside = fetchesOutside({ opened: LOOPBACK });

  it('hands over status, headers and bytes', async () => {
    const port = await serve((request, response) => {
      response.writeHead(201, { 'x-said': String(request.headers['x-asked']) }).end('the answer');
    });
    const answer = await fetchOutside(`http://127.0.0.1:${port}/a`, { ...BOUNDS, headers: { 'x-asked': 'yes' } });
    expect(answer).toMatchObject({ status: 201, headers: { 'x-said': 'yes' }, url: `http://127.0.0.1:${port}/a` });
    expect(String(await buffer(answer.body))).toBe('the answer');
  });

  it('sends a body by POST and hands a redirect over as it is', async () => {
    const port = await serve(async (request, response) => {
      const told = await buffer(request);
      response.writeHead(302, { location: '/elsewhere' }).end(`${request.method} ${told}`);
    });
    const answer = await fetchOutside(`http://127.0.0.1:${port}/`, { ...BOUNDS, method: 'POST', body: 'news' });
    expect(answer.status).toBe(302);
    expect(String(await buffer(answer.body))).toBe('POST news');
  });

  it.each([
    'ftp://127.0.0.1/',
    'file:///etc/passwd',
    'no url',
    'http://user@example.com/',
    'http://user:secret@example.com/',
    'http://example.com:25/',
    'http://10.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://127.0.0.2/',
    'http://2130706434/',
    'http://0x7f.2/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
  ])('refuses %s by what it says', async (url) => {
    expect(await reasonOf(fetchOutside(url, BOUNDS))).toBe('forbidden');
  });

  it('refuses a URL of more than 4,096 characters', async () => {
    expect(await reasonOf(fetchOutside(`http://127.0.0.1/${'a'.repeat(4_096)}`, BOUNDS))).toBe('forbidden');
  });

  it('asks only hosts that are allowed', async () => {
    const port = await serve((_request, response) => response.end());
    const allow = (hostname: string) => hostname === 'pictures.example';
    expect(await reasonOf(fetchOutside(`http://127.0.0.1:${port}/`, { ...BOUNDS, allow }))).toBe('forbidden');
  });

  it('follows redirects, checks each again, and sends no foreign server what was meant for the first', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/start') response.writeHead(302, { location: '/next' }).end();
      else if (request.url === '/next')
        response.writeHead(307, { location: `http://other.example:${port}/end` }).end(String(request.headers['x-own']));
      else response.end(`own: ${request.headers['x-own']}`);
    });
    const ask = fetchesOutside({ opened: LOOPBACK, resolve: async () => ['127.0.0.1'] });
    const answer = await ask(`http://127.0.0.1:${port}/start`, { ...BOUNDS, headers: { 'x-own': 'secret' } });
    expect(String(await buffer(answer.body))).toBe('own: undefined');
    expect(answer.url).toBe(`http://other.example:${port}/end`);
    const two = { ...BOUNDS, redirectsMax: 1 };
    expect(await reasonOf(ask(`http://127.0.0.1:${port}/start`, two))).toBe('redirects');
  });

  it.each([
    'http://127.0.0.2:$PORT/',
    'http://[::1]:$PORT/',
    'http://10.0.0.1/',
    'file:///etc/passwd',
    'http://u:p@h/',
  ])('does not follow a redirect to %s', async (template) => {
    let asked = 0;
    const inside = await serve((_request, response) => {
      asked += 1;
      response.end('secret');
    }, '127.0.0.2');
    const location = template.replace('$PORT', String(inside));
    const port = await serve((_request, response) => response.writeHead(302, { location }).end());
    expect(await reasonOf(fetchOutside(`http://127.0.0.1:${port}/`, BOUNDS))).toBe('forbidden');
    expect(asked).toBe(0);
  });

  it('does not connect to a name that leads inside, and says no more than of a name that leads nowhere', async () => {
    let asked = 0;
    const port = await serve((_request, response) => {
      asked += 1;
      response.end('secret');
    }, '127.0.0.2');
    const answers: Record<string, string[]> = {
      'inside.example': ['127.0.0.2'],
      'both.example': ['127.0.0.1', '127.0.0.2'],
      'mapped.example': ['::ffff:127.0.0.2'],
      'nowhere.example': [],
    };
    const ask = fetchesOutside({ opened: LOOPBACK, resolve: async (name) => answers[name] ?? [] });
    const told = new Set<string>();
    for (const name of Object.keys(answers)) {
      const error = await ask(`http://${name}:${port}/`, BOUNDS).catch((reason: OutsideError) => reason);
      expect(error).toMatchObject({ reason: 'unreachable' });
      told.add((error as OutsideError).message);
    }
    expect(told.size).toBe(1);
    expect(asked).toBe(0);
  });

  it('checks a name each time that it connects, since it may lead elsewhere by then', async () => {
    let asked = 0;
    const count: RequestListener = (_request, response) => {
      asked += 1;
      response.end('secret');
    };
    const port = await serve((_request, response) => response.writeHead(302, { location: '/again' }).end());
    const inside = createServer(count);
    servers.push(inside);
    await new Promise<void>((done) => inside.listen(port, '127.0.0.2', done));
    let times = 0;
    const resolve = async () => {
      times += 1;
      return times === 1 ? ['127.0.0.1'] : ['127.0.0.2'];
    };
    const ask = fetchesOutside({ opened: LOOPBACK, resolve });
    expect(await reasonOf(ask(`http://rebinding.example:${port}/`, BOUNDS))).toBe('unreachable');
    expect({ times, asked }).toEqual({ times: 2, asked: 0 });
  });

  it('gives up a server that is silent, before its headers and after them', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/body') response.write('a beginning');
    });
    const bounds = { ...BOUNDS, idleMsMax: 200 };
    expect(await reasonOf(fetchOutside(`http://127.0.0.1:${port}/silent`, bounds))).toBe('too_slow');
    const answer = await fetchOutside(`http://127.0.0.1:${port}/body`, bounds);
    expect(await reasonOf(buffer(answer.body))).toBe('too_slow');
  });

  it('gives up a server that trickles for ever, and a name server that does not answer', async () => {
    const port = await serve((_request, response) => {
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const bounds = { ...BOUNDS, msMax: 300 };
    const answer = await fetchOutside(`http://127.0.0.1:${port}/`, bounds);
    expect(await reasonOf(buffer(answer.body))).toBe('too_slow');
    const hanging = fetchesOutside({ opened: LOOPBACK, resolve: () => new Promise(() => undefined) });
    expect(await reasonOf(hanging(`http://slow.example:${port}/`, bounds))).toBe('too_slow');
  });

  it('is not impatient with a server whose bytes wait to be taken here', async () => {
    const port = await serve((_request, response) => response.end(Buffer.alloc(900_000)));
    const answer = await fetchOutside(`http://127.0.0.1:${port}/`, { ...BOUNDS, idleMsMax: 150 });
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 500);
    await promise;
    expect((await buffer(answer.body)).length).toBe(900_000);
  });

  it('takes no byte over the bound, announced or not', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', 1_001);
      response.write('.');
      response.end(Buffer.alloc(1_000));
    });
    const bounds = { ...BOUNDS, bytesMax: 1_000 };
    expect(await reasonOf(fetchOutside(`http://127.0.0.1:${port}/announced`, bounds))).toBe('too_large');
    const answer = await fetchOutside(`http://127.0.0.1:${port}/chunked`, bounds);
    expect(await reasonOf(buffer(answer.body))).toBe('too_large');
  });

  it('tells of an answer that was cut off', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half');
      setTimeout(() => response.destroy(), 20);
    });
    const answer = await fetchOutside(`http://127.0.0.1:${port}/`, BOUNDS);
    expect(await reasonOf(buffer(answer.body))).toBe('unreachable');
  });

  it('ends when the caller no longer wants it', async () => {
    const port = await serve(() => undefined);
    const given = new AbortController();
    const asked = fetchOutside(`http://127.0.0.1:${port}/`, { ...BOUNDS, signal: given.signal });
    given.abort(new Error('no longer wanted'));
    await expect(asked).rejects.toThrow('no longer wanted');
  });
});
