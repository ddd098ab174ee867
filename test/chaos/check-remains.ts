import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { FONT_FILES } from '../../packages/service/src/renditions/fonts.ts';
import { processesOn } from './process-tree.ts';
import type { Verdict } from './verdict.ts';

const MAIN = fileURLToPath(new URL('../../packages/service/src/main.ts', import.meta.url));

/** After a stop: no process has to do with the data folder any more, and nothing temporary lies in it. */
export async function checkRemains(data: string, verdict: Verdict): Promise<void> {
  for (const pid of processesOn(data)) verdict.add('remains', `process ${pid} still has to do with ${data}`);
  for (const folder of ['scratch', 'objects/staging']) {
    for (const file of await filesIn(join(data, folder))) {
      if (!FONT_FILES.includes(basename(file))) verdict.add('remains', `${folder}/${file}`);
    }
  }
  for (const name of await readdir(data)) {
    if (/\.lock\.|^database-url$|\.draft$/.test(name)) verdict.add('remains', name);
  }
}

/** `safelight audit verify` on a data folder that nobody runs: it starts the database for the time. */
export async function checkAuditCommand(data: string, verdict: Verdict): Promise<void> {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, SAFELIGHT_DATA: data };
  const run = promisify(execFile)(process.execPath, [MAIN, 'audit', 'verify'], { env, encoding: 'utf8' });
  await run.catch((error: Error & { stdout?: string }) => {
    verdict.add('event', `safelight audit verify: ${error.stdout || error.message}`);
  });
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const kinds = await Promise.all(names.map(async (name) => ({ name, facts: await stat(join(directory, name)) })));
  return kinds.filter(({ facts }) => !facts.isDirectory()).map(({ name }) => name);
}
