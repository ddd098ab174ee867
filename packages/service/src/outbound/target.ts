import { isIP } from 'node:net';
import { isOutside, type Networks } from './addresses.ts';
import { OutsideError } from './outside-error.ts';

/** Whether a host, in lower case, may be asked. */
export type AllowHost = (hostname: string) => boolean;

/** Below 1024, what is not the web may be something that obeys lines of text: SMTP, POP, FTP. */
const PORTS_SYSTEM: ReadonlySet<number> = new Set([80, 443]);
const PORT_USER_MIN = 1024;
const URL_CHARACTERS_MAX = 4_096;

/** @returns what is asked, if the URL itself does not forbid it; else throws OutsideError. */
export function readTarget(text: string, opened: Networks, allow?: AllowHost): URL {
  const url = text.length <= URL_CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw new OutsideError('forbidden', `Not an absolute URL of at most ${URL_CHARACTERS_MAX} characters.`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new OutsideError('forbidden', 'Only http and https are asked.');
  if (url.username !== '' || url.password !== '')
    throw new OutsideError('forbidden', 'A URL must not carry a user or a password.');
  const port = url.port === '' ? 443 : Number(url.port);
  if (!PORTS_SYSTEM.has(port) && port < PORT_USER_MIN)
    throw new OutsideError('forbidden', `Ports are 80, 443 and those from ${PORT_USER_MIN} on.`);
  const host = hostOf(url);
  // Before the address, so that a host which nobody allowed tells nothing.
  if (allow && !allow(host)) throw new OutsideError('forbidden', 'This host is not among those that are allowed.');
  // `lookup` is never called for an address.
  if (isIP(host) !== 0 && !isOutside(host, opened))
    throw new OutsideError('forbidden', 'This address belongs to no public network.');
  return url;
}

/** Where a redirect leads, held to the same, and never from https to http. */
export function redirectTarget(from: URL, location: string, opened: Networks, allow?: AllowHost): URL {
  if (!URL.canParse(location, from.href)) throw new OutsideError('redirects', 'The server redirects to no URL.');
  const to = readTarget(new URL(location, from).href, opened, allow);
  if (from.protocol === 'https:' && to.protocol === 'http:')
    throw new OutsideError('forbidden', 'The server redirects from https to http.');
  return to;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
}
