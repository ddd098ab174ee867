import type { Preset, PresetWish } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** What names in URLs stand for; for keys with the scope `settings:manage`. */
export interface Presets {
  /** The built-in ones and the tenant's own. */
  list(options?: CallOptions): Promise<readonly Preset[]>;
  /** One preset; its `progress` tells how far pictures are made anew since it changed. */
  get(name: string, options?: CallOptions): Promise<Preset>;
  /** Makes it or changes it. Until a picture is made anew, its URL answers with what the name stood for before. */
  put(name: string, preset: PresetWish, options?: CallOptions): Promise<Preset>;
  /** Removes it; a built-in one becomes again what it is built in as. */
  remove(name: string, options?: CallOptions): Promise<void>;
}

const PATH = '/v1/presets';

export function createPresets(transport: Transport): Presets {
  const pathOf = (name: string) => `${PATH}/${encodeURIComponent(name)}`;
  return {
    list: async (call) =>
      (await json<{ presets: Preset[] }>(transport, { method: 'GET', path: PATH, ...call })).presets,
    get: (name, call) => json<Preset>(transport, { method: 'GET', path: pathOf(name), ...call }),
    put: (name, preset, call) => json<Preset>(transport, { method: 'PUT', path: pathOf(name), body: preset, ...call }),
    remove: async (name, call) => {
      await json(transport, { method: 'DELETE', path: pathOf(name), ...call });
    },
  };
}
