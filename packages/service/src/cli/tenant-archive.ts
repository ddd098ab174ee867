import { resolve } from 'node:path';
import { SHORT_NAME } from '@safelight/contract';
import type { Command } from 'commander';
import { exportTenantTo, importTenantFrom } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText } from './table.ts';

interface JsonOption {
  readonly json?: true;
}

/** Commands of `safelight tenant` that carry a tenant away and back. */
export function addTenantArchive(tenant: Command): void {
  tenant
    .command('export')
    .description(
      'Write images, originals, settings and log of a tenant into an archive; nothing secret, no renditions.',
    )
    .argument('<name>', 'its short name')
    .argument('<file>', 'the archive, a tar; must not exist')
    .option('--json', 'as JSON')
    .action(exportTo);
  tenant
    .command('import')
    .description('Make a tenant of an archive, or add its images to one; an import that was broken off goes on.')
    .argument('<file>', 'the archive')
    .option('--slug <name>', 'short name of the tenant; absent: that of the archive')
    .option('--json', 'as JSON')
    .action(importFrom);
}

async function exportTo(name: string, file: string, { json }: JsonOption): Promise<void> {
  const done = await exportTenantTo(readSettings({}), name, resolve(file)).catch((error: Error) => {
    throw new ExitError(1, `the tenant cannot be exported: ${error.message}`, { cause: error });
  });
  const { images, originals, events } = done;
  if (json) console.log(JSON.stringify({ images, originals, events }, undefined, 2));
  else console.log(`${images} images of ${originals} originals and ${events} events are in ${file}.`);
}

async function importFrom(file: string, { slug, json }: JsonOption & { readonly slug?: string }): Promise<void> {
  if (slug !== undefined && !SHORT_NAME.test(slug)) {
    throw new ExitError(2, 'a name has 1 to 63 lower-case letters, digits and dashes');
  }
  const onRenamed = (from: string, to: string) => console.error(`${from} is taken in this installation: it is ${to}`);
  const done = await importTenantFrom(readSettings({}), resolve(file), { slug, onRenamed }).catch((error: Error) => {
    throw new ExitError(1, `the archive cannot be imported: ${error.message}`, { cause: error });
  });
  if (json) {
    console.log(JSON.stringify(done, undefined, 2));
    return;
  }
  const { name, images, there, renamed, bytes, key } = done;
  const others = [...(there > 0 ? [`${there} were there`] : []), ...(renamed > 0 ? [`${renamed} have other ids`] : [])];
  console.log(`${images} images, ${bytesText(bytes)}, are in ${name}${others.map((other) => `; ${other}`).join('')}.`);
  if (key !== undefined) console.log(key);
}
