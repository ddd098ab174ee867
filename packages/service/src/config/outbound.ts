import { BlockList, isIP } from 'node:net';
import { ConfigError } from './parse.ts';

/** Of requests that tenants cause: imports by URL, webhooks. */
export const OUTBOUND_SETTINGS = {
  SAFELIGHT_OUTBOUND_ALLOW: {
    about:
      'Networks in CIDR form, separated by commas, that requests which tenants cause (import by URL, webhooks) may reach ' +
      'besides the public internet, such as `10.1.2.0/24`; absent: none.',
    fallback: '',
    parse: networks,
  },
} as const;

function networks(value: string): readonly string[] {
  const list = value === '' ? [] : value.split(',').map((network) => network.trim());
  for (const network of list) if (!isCidr(network)) throw new ConfigError('must list networks such as 10.1.2.0/24');
  return list;
}

function isCidr(network: string): boolean {
  const [, address = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(network) ?? [];
  const family = isIP(address);
  if (family === 0) return false;
  try {
    new BlockList().addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}
