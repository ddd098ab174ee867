import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import { ExitError } from './exit.ts';

/** Where the Safelight answers that a command talks to: as told, or the one on this machine. */
export function urlOfNode(config: Config, given: string | undefined): string {
  return given ?? config.SAFELIGHT_PUBLIC_URL ?? `http://${config.SAFELIGHT_HOST}:${config.SAFELIGHT_PORT}`;
}

/** The demo tenant's key, which a node leaves in its data folder. */
export async function readDemoKey(config: Config): Promise<string> {
  const file = join(config.SAFELIGHT_DATA, 'demo-key');
  return readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => {
      throw new ExitError(1, `there is no key in ${file}; give one with --key`);
    },
  );
}
