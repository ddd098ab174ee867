import { SCOPES, type Scope, TENANT_SCOPES } from '@safelight/contract';
import { type Command, InvalidArgumentError } from 'commander';
import { createTenantKey, listTenantKeys, revokeTenantKey, rotateTenantKey } from '../compose.ts';
import { DEMO_TENANT } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

interface KeyOptions {
  readonly tenant: string;
  readonly json?: true;
}

interface CreateOptions extends KeyOptions {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expires?: number;
}

const DAY_SECONDS = 24 * 60 * 60;
const DAYS_MAX = 3_650;
const OVERLAP_SECONDS_MAX = 30 * DAY_SECONDS;
const NAME_CHARACTERS_MAX = 100;

export function addKey(program: Command): void {
  const key = program.command('key').description("Look after a tenant's API keys.");
  key
    .command('create')
    .description('Make a key, and print its secret; it is shown this once.')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .option('--name <text>', 'for people', '')
    .option('--scopes <scopes>', `separated by commas, of ${TENANT_SCOPES.join(', ')}`, toScopes, TENANT_SCOPES)
    .option('--expires <days>', 'days after which it opens nothing any more', whole(1, DAYS_MAX))
    .option('--json', 'as JSON')
    .action(create);
  key
    .command('list')
    .description('Show the keys, newest first; never their secrets.')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .option('--json', 'as JSON')
    .action(list);
  key
    .command('rotate')
    .description('Give a key a new secret, and print it; it is shown this once.')
    .argument('<key>', 'its id')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .option('--overlap <seconds>', 'how long the old one opens too', whole(0, OVERLAP_SECONDS_MAX), DAY_SECONDS)
    .option('--json', 'as JSON')
    .action(async (keyId: string, options: KeyOptions & { readonly overlap: number }) => {
      const rotated = await rotateTenantKey(readSettings({}), options.tenant, keyId, options.overlap).catch(fail);
      if (!rotated) throw new ExitError(1, `${options.tenant} has no live key ${keyId}`);
      console.log(options.json ? JSON.stringify(rotated) : rotated.secret);
    });
  key
    .command('revoke')
    .description('End a key: within five seconds it opens nothing any more.')
    .argument('<key>', 'its id')
    .option('--tenant <name>', 'whose', DEMO_TENANT)
    .action(async (keyId: string, { tenant }: KeyOptions) => {
      if (!(await revokeTenantKey(readSettings({}), tenant, keyId).catch(fail)))
        throw new ExitError(1, `${tenant} has no key ${keyId} that is not revoked`);
      console.log(`${keyId} is revoked.`);
    });
}

async function create(options: CreateOptions): Promise<void> {
  const { tenant, name, scopes, expires, json } = options;
  if (name.length > NAME_CHARACTERS_MAX) throw new ExitError(2, `a name has ${NAME_CHARACTERS_MAX} characters at most`);
  const expiresInSeconds = expires === undefined ? undefined : expires * DAY_SECONDS;
  const made = await createTenantKey(readSettings({}), tenant, { name, scopes, expiresInSeconds }).catch(fail);
  console.log(json ? JSON.stringify(made) : made.secret);
}

async function list({ tenant, json }: KeyOptions): Promise<void> {
  const keys = (await listTenantKeys(readSettings({}), tenant).catch(fail)).map((key) => ({
    id: key.keyId,
    state: key.state,
    name: key.name,
    createdAt: key.createdAt.toISOString(),
    lastUsedAt: key.lastUsedAt?.toISOString(),
    expiresAt: key.expiresAt?.toISOString(),
    scopes: key.scopes,
  }));
  if (json) console.log(JSON.stringify(keys, undefined, 2));
  else {
    const rows = keys.map((key) => [
      key.id,
      key.state,
      key.name,
      key.createdAt,
      key.lastUsedAt ?? 'never',
      key.expiresAt ?? 'never',
      key.scopes.join(','),
    ]);
    console.log(drawTable(['key', 'state', 'name', 'made', 'used', 'ends', 'scopes'], rows));
  }
}

function toScopes(text: string): readonly Scope[] {
  const scopes = [...new Set(text.split(',').map((scope) => scope.trim()))];
  for (const scope of scopes) if (!(scope in SCOPES)) throw new InvalidArgumentError(`There is no scope ${scope}.`);
  return scopes as Scope[];
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const isWhole = /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max;
    if (!isWhole) throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return Number(text);
  };
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
