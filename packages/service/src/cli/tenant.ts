import { SHORT_NAME, TENANT_STATUSES, type TenantResource, type TenantStatus } from '@safelight/contract';
import { type Command, Option } from 'commander';
import { alterTenant, makeTenant, moveTenant, readTenant, readTenants, setKeepLocation } from '../compose.ts';
import { IIIF_ACCESS, type IiifAccess, type TenantChange, UNSIGNED_URLS, type UnsignedUrls } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';
import { addTenantArchive } from './tenant-archive.ts';
import { addTenantPlan } from './tenant-plan.ts';
import { addSettings, type SettingOptions, settingsOf } from './tenant-settings.ts';

interface JsonOption {
  readonly json?: true;
}

interface WishOptions extends JsonOption, SettingOptions {
  readonly plan?: string;
  readonly displayName?: string;
  readonly unsigned?: UnsignedUrls;
  readonly iiif?: IiifAccess;
}

export function addTenant(program: Command): void {
  const tenant = program.command('tenant').description('Look after tenants and their plans.');
  addWishes(
    tenant
      .command('create')
      .description('Make a tenant, and print its first key; the key is shown this once.')
      .argument('<name>', 'short name, as it stands in URLs: lower-case letters, digits and dashes'),
  ).action(create);
  tenant
    .command('list')
    .description('Show the tenants, in the order in which they were made.')
    .addOption(new Option('--status <status>', 'only those').choices(Object.keys(TENANT_STATUSES)))
    .option('--json', 'as JSON')
    .action(list);
  tenant
    .command('show')
    .description('Show a tenant: plan, status and settings, as JSON.')
    .argument('<name>', 'its short name')
    .option('--json', 'as JSON; there is no other form')
    .action(async (name: string) => print(await readTenant(readSettings({}), name).catch(fail)));
  addWishes(
    tenant
      .command('set')
      .description('Change how a tenant is treated; only what is named changes.')
      .argument('<name>', 'its short name')
      .addOption(
        new Option(
          '--keep-location <on|off>',
          'keep where pictures were taken, from their EXIF data; `off` drops what was kept',
        ).choices(['on', 'off']),
      ),
  ).action(set);
  addMoves(tenant);
  addTenantPlan(tenant);
  addTenantArchive(tenant);
}

function addMoves(tenant: Command): void {
  tenant
    .command('suspend')
    .description('Refuse its writes and hold its jobs; what exists is delivered.')
    .argument('<name>', 'its short name')
    .option('--no-deliveries', 'nothing is delivered either')
    .option('--json', 'as JSON')
    .action((name: string, { deliveries, json }: JsonOption & { readonly deliveries: boolean }) =>
      move(name, { to: 'suspended', delivers: deliveries }, json),
    );
  tenant
    .command('resume')
    .description('End a suspension: the jobs that were held run.')
    .argument('<name>', 'its short name')
    .option('--json', 'as JSON')
    .action((name: string, { json }: JsonOption) => move(name, { to: 'active' }, json));
  tenant
    .command('delete')
    .description('End a tenant at once; a running node removes all that it has. Its name stays taken.')
    .argument('<name>', 'its short name')
    .requiredOption('--yes', 'that this cannot be taken back')
    .option('--json', 'as JSON')
    .action((name: string, { json }: JsonOption) => move(name, { to: 'deleting' }, json));
}

function addWishes(command: Command): Command {
  addSettings(
    command
      .option('--plan <name>', 'what it may use and pays')
      .option('--display-name <words>', 'what people call it')
      .addOption(
        new Option(
          '--unsigned <what>',
          'what its URLs may ask for without a signature: presets alone, or any transformation',
        ).choices(UNSIGNED_URLS),
      )
      .addOption(
        new Option(
          '--iiif <what>',
          'what is served through the IIIF Image API: nothing, the tiles and sizes of info.json alone, or anything',
        ).choices(IIIF_ACCESS),
      ),
  );
  return command.option('--json', 'as JSON');
}

async function create(name: string, options: WishOptions): Promise<void> {
  if (!SHORT_NAME.test(name)) throw new ExitError(2, 'a name has 1 to 63 lower-case letters, digits and dashes');
  const made = await makeTenant(readSettings({}), name, changeOf(options) ?? {}).catch(fail);
  if (options.json) print(made);
  else console.log(made.key);
}

async function list({ status, json }: JsonOption & { readonly status?: TenantStatus }): Promise<void> {
  const tenants = await readTenants(readSettings({}), status).catch(fail);
  if (json) print(tenants);
  else console.log(drawTable(['tenant', 'status', 'plan', 'weight', 'made', 'name'], tenants.map(toRow)));
}

async function set(name: string, options: WishOptions & { readonly keepLocation?: 'on' | 'off' }): Promise<void> {
  const { keepLocation } = options;
  const change = changeOf(options);
  if (!change && keepLocation === undefined) throw new ExitError(2, 'nothing is named that should change');
  const config = readSettings({});
  if (keepLocation !== undefined) await setKeepLocation(config, name, keepLocation === 'on').catch(fail);
  if (change) await alterTenant(config, name, change).catch(fail);
  if (options.json) print(await readTenant(config, name).catch(fail));
}

async function move(name: string, to: Parameters<typeof moveTenant>[2], json: true | undefined): Promise<void> {
  const moved = await moveTenant(readSettings({}), name, to).catch(fail);
  if (json) print(moved);
  else console.log(`${name} is ${moved.status}.`);
}

/** Undefined when nothing is named. */
function changeOf(options: WishOptions): TenantChange | undefined {
  const { plan, displayName, unsigned, iiif } = options;
  const settings = settingsOf(options);
  const change: TenantChange = {
    ...(plan !== undefined && { plan }),
    ...(displayName !== undefined && { displayName: displayName === '' ? null : displayName }),
    ...(unsigned !== undefined && { unsignedUrls: unsigned }),
    ...(iiif !== undefined && { iiif }),
    ...(settings && { settings }),
  };
  return Object.keys(change).length > 0 ? change : undefined;
}

function toRow({ name, status, plan, weight, createdAt, displayName = '' }: TenantResource): string[] {
  return [name, status, plan, String(weight), createdAt.slice(0, 10), displayName];
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, undefined, 2));
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
