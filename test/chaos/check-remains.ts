import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FONT_FILES } from '../../packages/service/src/renditions/fonts.ts';
import { runCommand } from '../support/command.ts';
import { processesOn } from './process-tree.ts';
import type { Verdict } from './verdict.ts';

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

/** `safelight audit verify` where no node runs; an embedded database it starts for the time. */
export async function checkAuditCommand(env: Readonly<Record<string, string>>, verdict: Verdict): Promise<void> {
  const { code, stdout, stderr } = await runCommand(['audit', 'verify'], env);
  if (code !== 0) verdict.add('event', `safelight audit verify: ${stdout || stderr}`);
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const kinds = await Promise.all(names.map(async (name) => ({ name, facts: await stat(join(directory, name)) })));
  return kinds.filter(({ facts }) => !facts.isDirectory()).map(({ name }) => name);
}
