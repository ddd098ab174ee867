import { resolve } from 'node:path';
import type { Command } from 'commander';
import { backUp } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText } from './table.ts';

interface Options {
  readonly copy?: true;
  readonly databaseCommand?: string;
  readonly json?: true;
}

export function addBackup(program: Command): void {
  program
    .command('backup')
    .description('Back up the embedded database and all objects, while nodes run, so that they belong together.')
    .argument('<folder>', 'becomes the backup, whole or not at all; it holds the keys of the installation')
    .option('--copy', 'copy objects also on the same file system, where links would share a damage of the disk')
    .option(
      '--database-command <command>',
      'with DATABASE_URL: backs up the database by its own means, while no object is removed',
    )
    .option('--json', 'as JSON')
    .action(make);
}

async function make(folder: string, { copy, databaseCommand, json }: Options): Promise<void> {
  const config = readSettings({});
  const isElsewhere = config.DATABASE_URL !== undefined;
  if (databaseCommand !== undefined && !isElsewhere)
    throw new ExitError(
      2,
      '--database-command is for a database of DATABASE_URL; the embedded one is backed up anyway',
    );
  if (isElsewhere && databaseCommand === undefined) {
    console.error(
      'safelight: DATABASE_URL is backed up by its own means (pg_basebackup, a snapshot), and that must be FINISHED ' +
        'before this copies the objects: what is uploaded after it is then in this copy and does no harm, what is deleted ' +
        'between the two is in neither. With --database-command nothing is removed between the two.',
    );
  }
  const made = await backUp(config, {
    folder: resolve(folder),
    copies: copy === true,
    databaseCommand,
    progress: (line) => console.error(line),
  }).catch((error: Error) => {
    throw new ExitError(1, `there is no backup: ${error.message}`, { cause: error });
  });
  const { objects, files, endedAt, damaged } = made;
  if (json) console.log(JSON.stringify(made, undefined, 2));
  else {
    const what = isElsewhere ? 'the objects alone' : 'database and objects';
    console.log(`${resolve(folder)}: ${what} as of ${endedAt}; ${objects} objects, ${bytesText(files.bytes)} in all.`);
  }
  if (damaged.length > 0)
    throw new ExitError(1, `the backup is made, but ${damaged.length} objects in it are damaged: run safelight scrub`);
}
