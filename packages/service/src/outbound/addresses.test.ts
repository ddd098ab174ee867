import { describe, expect, it } from 'vitest';
import { isOutside } from './addresses.ts';

const INSIDE = [
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['0.0.0.0', 'this host'],
  ['0.1.2.3', 'this network'],
  ['10.0.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.1.1', 'private'],
  ['169.254.169.254', 'link-local, where clouds keep credentials'],
  ['100.64.0.1', 'shared by a carrier'],
  ['192.0.0.1', 'protocol assignments'],
  ['198.18.0.1', 'benchmarks'],
  ['203.0.113.7', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::7f00:1', 'IPv4-compatible'],
  ['::ffff:127.0.0.1', 'mapped'],
  ['::ffff:a00:1', 'mapped'],
  ['::ffff:0:127.0.0.1', 'translated'],
  ['64:ff9b::7f00:1', 'NAT64'],
  ['64:ff9b:1::a00:1', 'local NAT64'],
  ['2002:7f00:1::', '6to4'],
  ['2001::1', 'Teredo'],
  ['2001:db8::1', 'documentation'],
  ['fc00::1', 'unique local'],
  ['fd12:3456::1', 'unique local'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['100::1', 'discard'],
  ['4000::1', 'given to nobody'],
] as const;

describe('Where a tenant’s request may go', () => {
  it.each(INSIDE)('is not %s (%s)', (address) => {
    expect(isOutside(address, [])).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700:4700::1111', '::ffff:8.8.8.8'])(
    'is %s',
    (address) => {
      expect(isOutside(address, [])).toBe(true);
    },
  );

  it('is what the operator opened, and nothing beside it', () => {
    const opened = ['10.1.2.0/24', 'fd00:1::/32'];
    expect(isOutside('10.1.2.3', opened)).toBe(true);
    expect(isOutside('::ffff:10.1.2.3', opened)).toBe(true);
    expect(isOutside('fd00:1::5', opened)).toBe(true);
    expect(isOutside('10.1.3.1', opened)).toBe(false);
    expect(isOutside('fd00:2::5', opened)).toBe(false);
    expect(isOutside('127.0.0.1', opened)).toBe(false);
  });

  it('is nothing that is no address', () => {
    for (const text of ['', 'localhost', '1.2.3.4.5', 'fe80::1%eth0 ']) expect(isOutside(text, [])).toBe(false);
  });
});
