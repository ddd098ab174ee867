import type { FastifyRequest } from 'fastify';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { LoopbackSession } from './session.ts';

function guard(headers: Record<string, string>, method = 'POST', publicUrl?: string): string {
  const session = new LoopbackSession({ tenant: 'demo', publicUrl, clock: systemClock });
  try {
    session.guard({ headers, method } as unknown as FastifyRequest);
    return 'let through';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('the guard of what needs no key', () => {
  it.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:8080', '192.168.1.5:8080'])(
    'lets through the Host %s, which nobody else’s DNS can make lead here',
    (host) => {
      expect(guard({ host })).toBe('let through');
    },
  );

  it.each(['evil.example', 'localhost.evil.example', 'evil.example:8080', '127.0.0.1.evil.example', ''])(
    'refuses the Host %s, whatever the method',
    (host) => {
      expect(guard({ host })).toBe('origin_refused');
      expect(guard({ host }, 'GET')).toBe('origin_refused');
    },
  );

  it('lets through the host of the public URL', () => {
    expect(guard({ host: 'pictures.example' }, 'POST', 'https://pictures.example')).toBe('let through');
    expect(guard({ host: 'other.example' }, 'POST', 'https://pictures.example')).toBe('origin_refused');
  });

  it.each(['http://localhost:8081', 'https://evil.example', 'null', 'nonsense', 'http://127.0.0.1:8080'])(
    'refuses what a page of %s sends',
    (origin) => {
      expect(guard({ host: 'localhost:8080', origin })).toBe('origin_refused');
    },
  );

  it('goes by Sec-Fetch-Site where a browser tells no Origin', () => {
    const host = 'localhost:8080';
    for (const site of ['cross-site', 'same-site'])
      expect(guard({ host, 'sec-fetch-site': site })).toBe('origin_refused');
    for (const site of ['same-origin', 'none']) expect(guard({ host, 'sec-fetch-site': site })).toBe('let through');
  });

  it('lets a foreign page read, which its browser then forbids it by itself', () => {
    expect(guard({ host: 'localhost:8080', origin: 'https://evil.example' }, 'GET')).toBe('let through');
  });

  it('lets through its own page, and clients without Host', () => {
    expect(guard({ host: 'localhost:8080', origin: 'http://localhost:8080' })).toBe('let through');
    expect(guard({})).toBe('let through');
  });
});

describe('the session', () => {
  it('speaks for the public tenant to who holds its cookie, and to nobody else', () => {
    const session = new LoopbackSession({ tenant: 'demo', publicUrl: undefined, clock: systemClock });
    let cookie = '';
    session.open({ header: (_: string, value: string) => (cookie = value.split(';')[0] ?? '') } as never);
    const ask = (headers: Record<string, string>) =>
      session.tenantOf({ headers: { host: 'localhost', ...headers }, method: 'GET' } as unknown as FastifyRequest);
    expect(ask({ cookie })).toBe('demo');
    expect(ask({ cookie: `theme=dark; ${cookie}; other=1` })).toBe('demo');
    expect(ask({})).toBeUndefined();
    expect(ask({ cookie: `${cookie}x` })).toBeUndefined();
    expect(ask({ cookie: `x${cookie}` })).toBeUndefined();
    expect(ask({ cookie: 'safelight_session=' })).toBeUndefined();
  });

  it('speaks for nobody where no tenant is public', () => {
    const session = new LoopbackSession({ tenant: undefined, publicUrl: undefined, clock: systemClock });
    const request = { headers: { host: 'localhost', cookie: 'safelight_session=' }, method: 'GET' };
    expect(session.tenantOf(request as unknown as FastifyRequest)).toBeUndefined();
  });
});
