import type { AddressInfo } from 'node:net';
import { createServer, type HttpDeps } from '../http/index.ts';

export interface ApiRole {
  /** Where it listens, as a URL. */
  readonly url: string;
  readonly port: number;
  /** Accepts no more, lets requests end for `graceMs`, then cuts the rest. */
  stop(graceMs: number): Promise<void>;
}

/** Starts the front end. @throws the system's error when the address cannot be listened on. */
export async function startApiRole(
  deps: HttpDeps,
  address: { readonly host: string; readonly port: number },
): Promise<ApiRole> {
  const app = await createServer(deps);
  await app.listen(address);
  const { port, family } = app.server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${port}`,
    port,
    stop: async (graceMs) => {
      const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
      await app.close();
      clearTimeout(timer);
    },
  };
}
