import { describe, expect, it } from 'vitest';
import { allowedMethods } from './methods.ts';

describe('the methods that an address takes', () => {
  it.each([
    ['/', ['GET', 'HEAD', 'POST']],
    ['/?x=1', ['GET', 'HEAD', 'POST']],
    ['/v1/images', ['GET', 'HEAD', 'POST']],
    ['/v1/images/img_1', ['DELETE', 'GET', 'HEAD', 'PATCH']],
    ['/v1/images/img_1/events', ['GET', 'HEAD']],
    ['/v1/session', ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST']],
    ['/i/demo/img_1/small?v=1', ['GET', 'HEAD']],
    ['/i/demo/img_1?w=1', ['GET', 'HEAD']],
    ['/healthz', ['GET', 'HEAD']],
  ])('%s: %j', (url, methods) => {
    expect(allowedMethods(url)).toEqual(methods);
  });

  it.each(['/nothing', '/v1/images/', '/v1/images/a/b', '/i/demo', '//'])('%s: none', (url) => {
    expect(allowedMethods(url)).toEqual([]);
  });
});
