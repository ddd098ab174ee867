import type { Command } from 'commander';
import { listTenantUrlKeys, retireTenantUrlKey, rotateTenantUrlKey } from '../compose.ts';
import { DEMO_TENANT, type UrlKey } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

interface KeyOptions {
  readonly tenant: string;
  readonly secrets?: true;
  readonly json?: true;
}

export function addUrlKey(program: Command): void {
  const key = program.command('url-key').description("Look after the keys that sign a tenant's URLs.");
  key
    .command('list')
    .description('Show the keys: the newest that is not retired signs, the others verify.')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .option('--secrets', 'with what signs, for the application that does')
    .option('--json', 'as JSON')
    .action(list);
  key
    .command('rotate')
    .description('Make a key that signs from now on, and print it; the older ones verify until they are retired.')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .option('--json', 'as JSON')
    .action(rotate);
  key
    .command('retire')
    .description('End a key: what it has signed is refused within seconds.')
    .argument('<key>', 'its id')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .action(async (keyId: string, { tenant }: KeyOptions) => {
      await retireTenantUrlKey(readSettings({}), tenant, keyId).catch(fail);
      console.log(`${keyId} is retired.`);
    });
}

async function list(options: KeyOptions): Promise<void> {
  const keys = await listTenantUrlKeys(readSettings({}), options.tenant).catch(fail);
  const signs = keys.find((key) => key.retiredAt === undefined);
  const shown = keys.map((key) => ({
    id: key.keyId,
    state: key === signs ? 'signs' : key.retiredAt ? 'retired' : 'verifies',
    createdAt: key.createdAt.toISOString(),
    ...(options.secrets && { secret: secretOf(key) }),
  }));
  if (options.json) console.log(JSON.stringify(shown, undefined, 2));
  else {
    const head = ['key', 'state', 'made', ...(options.secrets ? ['secret'] : [])];
    console.log(
      drawTable(
        head,
        shown.map(({ id, state, createdAt, secret }) => [id, state, createdAt, ...(secret ? [secret] : [])]),
      ),
    );
  }
}

async function rotate(options: KeyOptions): Promise<void> {
  const key = await rotateTenantUrlKey(readSettings({}), options.tenant).catch(fail);
  const shown = { id: key.keyId, secret: secretOf(key) };
  console.log(options.json ? JSON.stringify(shown) : `${shown.id} ${shown.secret}`);
}

function secretOf(key: UrlKey): string {
  return Buffer.from(key.secret).toString('base64url');
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
