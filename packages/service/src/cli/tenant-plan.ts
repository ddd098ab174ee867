import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type PlanDocument, type PlanList, planDocumentSchema, SHORT_NAME } from '@safelight/contract';
import type { Command } from 'commander';
import { readPlans, writePlan } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

const HEAD = ['plan', 'version', 'tenants', 'weight', 'requests/s', 'stored', 'renders/day', 'features', 'currency'];

/** `tenant plan …`: beside the tenants that have them, because `plan` itself is the simulator of capacity. */
export function addTenantPlan(tenant: Command): void {
  const plan = tenant.command('plan').description('Look after plans: what tenants may use, and what they pay.');
  plan
    .command('list')
    .description('Show the plans.')
    .option('--json', 'as JSON, with everything that they say')
    .action(async ({ json }: { readonly json?: true }) => {
      const { plans } = await readPlans(readSettings({})).catch(fail);
      console.log(json ? JSON.stringify(plans, undefined, 2) : drawTable(HEAD, plans.map(toRow)));
    });
  plan
    .command('set')
    .description('Make a plan, or change it for all its tenants.')
    .argument('<name>', 'lower-case letters, digits and dashes')
    .argument('<file>', 'what it says, as JSON; `-` reads it from standard input')
    .option('--json', 'as JSON')
    .action(async (name: string, file: string, { json }: { readonly json?: true }) => {
      if (!SHORT_NAME.test(name)) throw new ExitError(2, 'a name has 1 to 63 lower-case letters, digits and dashes');
      const put = await writePlan(readSettings({}), name, await readDocument(file)).catch(fail);
      console.log(json ? JSON.stringify(put, undefined, 2) : `The plan ${name} has version ${put.version}.`);
    });
}

async function readDocument(file: string): Promise<PlanDocument> {
  const content = await (file === '-' ? text(process.stdin) : readFile(file, 'utf8')).catch((error: Error) => {
    throw new ExitError(1, error.message, { cause: error });
  });
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    throw new ExitError(2, `${file} is no JSON`);
  }
  const parsed = planDocumentSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ExitError(2, `${issue?.path.join('.') || file}: ${issue?.message}`);
}

function toRow({ name, version, tenants, weight, limits, features, prices }: PlanList['plans'][number]): string[] {
  const { requestsPerSecond, storedBytesMax, rendersPerDay } = limits;
  return [
    name,
    String(version),
    String(tenants),
    String(weight),
    String(requestsPerSecond ?? '∞'),
    storedBytesMax === null ? '∞' : bytesText(storedBytesMax),
    String(rendersPerDay ?? '∞'),
    features?.join(',') ?? 'all',
    prices.currency,
  ];
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
