import ipaddr from 'ipaddr.js';

/** Networks in CIDR form that the operator opens besides the public internet. */
export type Networks = readonly string[];

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether a tenant's request may connect to `address`: a public unicast address, or one of the networks that the
 * operator opened. Everything else is refused: private, loopback, link-local, shared (RFC 6598), multicast, reserved
 * and documentation ranges (RFC 6890), and the forms in which IPv6 carries an IPv4 address through a translator or a
 * tunnel (RFC 6052, 6145, 3056, 4380), whose end is not known here. A mapped IPv4 address (RFC 4291, 2.5.5.2) is judged
 * as what the kernel connects to: that IPv4 address.
 */
export function isOutside(address: string, opened: Networks): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (opened.some((network) => contains(network, parsed))) return true;
  if (parsed.range() !== 'unicast') return false;
  // The compatible form `::7f00:1` (RFC 4291, 2.5.5.1) and what IANA has given to nobody are unicast by name alone.
  return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST);
}

function contains(network: string, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const cidr = ipaddr.parseCIDR(network);
  return cidr[0].kind() === address.kind() && address.match(cidr);
}
