import { type Command, Option } from 'commander';
import { addTenant as makeTenant, setKeepLocation, setTenantIiif, setTenantUnsignedUrls } from '../compose.ts';
import { IIIF_ACCESS, type IiifAccess, UNSIGNED_URLS, type UnsignedUrls } from '../tenants/index.ts';
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
  tenant
    .command('set')
    .description('Change how a tenant is treated; only what is named changes.')
    .argument('<name>', 'its short name')
    .addOption(
      new Option(
        '--keep-location <on|off>',
        'keep where pictures were taken, from their EXIF data; `off` drops what was kept',
      ).choices(['on', 'off']),
    )
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
    )
    .action(set);
}

interface SetOptions {
  readonly keepLocation?: 'on' | 'off';
  readonly unsigned?: UnsignedUrls;
  readonly iiif?: IiifAccess;
}

async function set(name: string, { keepLocation, unsigned, iiif }: SetOptions): Promise<void> {
  if (keepLocation === undefined && unsigned === undefined && iiif === undefined)
    throw new ExitError(2, 'nothing is named that should change');
  const config = readSettings({});
  try {
    if (keepLocation !== undefined) await setKeepLocation(config, name, keepLocation === 'on');
    if (unsigned !== undefined) await setTenantUnsignedUrls(config, name, unsigned);
    if (iiif !== undefined) await setTenantIiif(config, name, iiif);
  } catch (error) {
    throw new ExitError(1, (error as Error).message, { cause: error });
  }
}
