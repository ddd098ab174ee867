import { DOMAIN_HOST } from '@safelight/contract';
import type { Command } from 'commander';
import { claimDomain, giveUpDomain, readDomains } from '../compose.ts';
import { DEMO_TENANT, type Domain, proofName, proofText } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

interface DomainOptions {
  readonly tenant: string;
  readonly json?: true;
}

export function addDomain(program: Command): void {
  const domain = program
    .command('domain')
    .description("Look after the hosts at which a tenant's images are delivered.");
  domain
    .command('list')
    .description('Show the hosts: URLs begin with the primary one; what is not proved is not served.')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .option('--json', 'as JSON')
    .action(list);
  domain
    .command('add')
    .description('Claim a host, or look again whether the DNS proves it; prints the TXT record that it has to have.')
    .argument('<host>', 'such as img.example.com')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .action((host: string, { tenant }: DomainOptions) => claim(host, tenant, false));
  domain
    .command('verify')
    .description('Say that a host is the tenant’s, where you know it: the DNS is not asked.')
    .argument('<host>', 'such as img.example.com')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .action((host: string, { tenant }: DomainOptions) => claim(host, tenant, true));
  domain
    .command('remove')
    .description('Give up a host: within seconds nothing is delivered there any more.')
    .argument('<host>', 'such as img.example.com')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .action(remove);
}

async function list({ tenant, json }: DomainOptions): Promise<void> {
  const domains = await readDomains(readSettings({}), tenant).catch(fail);
  const shown = domains.map((one) => ({
    host: one.host,
    state: stateOf(one),
    record: `${proofName(one.host)} TXT "${proofText(one)}"`,
  }));
  if (json) console.log(JSON.stringify(shown, undefined, 2));
  else {
    console.log(
      drawTable(
        ['host', 'state', 'record'],
        shown.map(({ host, state, record }) => [host, state, record]),
      ),
    );
  }
}

async function claim(host: string, tenant: string, isKnown: boolean): Promise<void> {
  if (!DOMAIN_HOST.test(host.toLowerCase())) throw new ExitError(2, `${host} is no host name such as img.example.com`);
  const domain = await claimDomain(readSettings({}), tenant, host, isKnown).catch(fail);
  if (domain.verifiedAt) console.log(`${domain.host} is proved: ${tenant}’s images are delivered there.`);
  else console.log(`Have the DNS say: ${proofName(domain.host)} TXT "${proofText(domain)}", then ask again.`);
}

async function remove(host: string, { tenant }: DomainOptions): Promise<void> {
  if (!(await giveUpDomain(readSettings({}), tenant, host).catch(fail))) {
    throw new ExitError(1, `${tenant} has no host ${host}`);
  }
  console.log(`${host} is given up.`);
}

function stateOf({ verifiedAt, isPrimary }: Domain): string {
  if (!verifiedAt) return 'unproved';
  return isPrimary ? 'primary' : 'proved';
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
