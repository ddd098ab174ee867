import type { Settings, SettingsChange } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** How the tenant is treated; for keys with the scope `settings:manage`. */
export interface SettingsKeeper {
  get(options?: CallOptions): Promise<Settings>;
  /** Changes what is named, and answers the whole; a setting that holds a list or an object is replaced as one. */
  change(change: SettingsChange, options?: CallOptions): Promise<Settings>;
}

const PATH = '/v1/settings';

export function createSettings(transport: Transport): SettingsKeeper {
  return {
    get: (call) => json<Settings>(transport, { method: 'GET', path: PATH, ...call }),
    change: (change, call) => json<Settings>(transport, { method: 'PATCH', path: PATH, body: change, ...call }),
  };
}
