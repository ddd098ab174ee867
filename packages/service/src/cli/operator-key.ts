import type { Command } from 'commander';
import { createOperatorKey } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';

export function addOperatorKey(program: Command): void {
  program
    .command('operator-key')
    .description('Make a key with the scope `admin`, for the routes below /v1/admin; it is shown this once.')
    .option('--json', 'as JSON')
    .action(async (options: { readonly json?: true }) => {
      const key = await createOperatorKey(readSettings({})).catch((error: Error) => {
        throw new ExitError(1, error.message, { cause: error });
      });
      console.log(options.json ? JSON.stringify({ key }) : key);
    });
}
