import { PERSON_ROLES, type PersonRole } from '@safelight/contract';
import { type Command, Option } from 'commander';
import { inviteToTenant, listTenantPeople, removeFromTenant, resetPersonPassword } from '../compose.ts';
import { DEMO_TENANT } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { urlOfNode } from './running-node.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

interface PersonOptions {
  readonly tenant: string;
  readonly json?: true;
}

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,189}$/;

export function addPerson(program: Command): void {
  const person = program.command('person').description('Look after the people who log in to the page.');
  person
    .command('invite')
    .description('Print a one-time link, good for a fortnight; whoever follows it becomes a member.')
    .argument('<email>', 'who')
    .option('--tenant <name>', 'of which tenant', DEMO_TENANT)
    .addOption(new Option('--role <role>', 'what the person may do').choices(PERSON_ROLES).default('owner'))
    .option('--url <url>', 'where the page is; absent: SAFELIGHT_PUBLIC_URL, or this machine')
    .option('--json', 'as JSON')
    .action(async (email: string, options: PersonOptions & { readonly role: PersonRole; readonly url?: string }) => {
      if (!EMAIL.test(email)) throw new ExitError(2, `${email} is no e-mail address`);
      const config = readSettings({});
      const { tenant, role, url, json } = options;
      const token = await inviteToTenant(config, tenant, { email, role }).catch(fail);
      const link = `${urlOfNode(config, url)}/#invitation=${token}`;
      console.log(json ? JSON.stringify({ email, role, tenant, link }) : link);
    });
  person
    .command('list')
    .description('Show the people of a tenant, and who is invited.')
    .option('--tenant <name>', 'of which tenant', DEMO_TENANT)
    .option('--json', 'as JSON')
    .action(async ({ tenant, json }: PersonOptions) => {
      const people = await listTenantPeople(readSettings({}), tenant).catch(fail);
      if (json) console.log(JSON.stringify(people, undefined, 2));
      else {
        const rows = people.map((one) => [
          one.id,
          one.state,
          one.role,
          one.lastSeenAt?.toISOString() ?? 'never',
          one.email,
        ]);
        console.log(drawTable(['person', 'state', 'role', 'seen', 'email'], rows));
      }
    });
  person
    .command('remove')
    .description('Take a person out of a tenant, or an invitation back.')
    .argument('<person>', 'the id')
    .option('--tenant <name>', 'of which tenant', DEMO_TENANT)
    .action(async (id: string, { tenant }: PersonOptions) => {
      if (!(await removeFromTenant(readSettings({}), tenant, id).catch(fail)))
        throw new ExitError(1, `${tenant} has no person ${id}`);
      console.log(`${id} is removed.`);
    });
  person
    .command('reset')
    .description(
      'Give a person who has forgotten the password a new one, and print it; all sessions of the person end.',
    )
    .argument('<email>', 'who')
    .action(async (email: string) => {
      const password = await resetPersonPassword(readSettings({}), email).catch(fail);
      if (password === undefined) throw new ExitError(1, `nobody logs in as ${email}`);
      console.log(password);
    });
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
