import type { Command } from 'commander';
import { addTenant as makeTenant } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function addTenant(program: Command): void {
  const tenant = program.command('tenant').description('Look after tenants.');
  tenant
    .command('create')
    .description('Make a tenant, and print its first key; the key is shown this once.')
    .argument('<name>', 'short name, as it stands in URLs: lower-case letters, digits and dashes')
    .option('--json', 'as JSON')
    .action(async (name: string, options: { readonly json?: true }) => {
      if (!NAME.test(name)) throw new ExitError(2, 'a name has 1 to 63 lower-case letters, digits and dashes');
      const key = await makeTenant(readSettings({}), name).catch((error: Error) => {
        throw new ExitError(1, error.message, { cause: error });
      });
      if (key === undefined) throw new ExitError(1, `there is a tenant ${name} already`);
      console.log(options.json ? JSON.stringify({ name, key }) : key);
    });
}
