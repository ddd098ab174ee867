import type { Command } from 'commander';
import { migrateDatabase } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';

export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .description('Bring the database of DATABASE_URL to the schema of this build; serve does so to the embedded one.')
    .option('--force', 'also apply what stops nodes of an older build that run now')
    .action(async (options: { readonly force?: true }) => {
      const { DATABASE_URL, DATABASE_DIRECT_URL: url = DATABASE_URL } = readSettings({});
      if (url === undefined)
        throw new ExitError(2, 'migrate needs DATABASE_URL, of a login that may create roles and schemas');
      const applied = await migrateDatabase(url, options.force === true).catch((error: Error) => {
        throw new ExitError(1, error.message, { cause: error });
      });
      console.log(applied.length === 0 ? 'The schema is up to date.' : `Applied: ${applied.join(', ')}.`);
    });
}
