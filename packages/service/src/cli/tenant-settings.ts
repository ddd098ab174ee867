import { type TenantSettingsPatch, tenantSettingsPatchSchema } from '@safelight/contract';
import type { Command } from 'commander';
import { ExitError } from './exit.ts';

export interface SettingOptions {
  readonly keepMetadata?: string;
  readonly formats?: string;
  readonly sourceHosts?: string;
  readonly retentionDays?: string;
  readonly trashDays?: string;
  readonly visibility?: string;
  readonly cors?: string;
  readonly corsCredentials?: true;
  readonly onBudget?: string;
}

/** The settings of a tenant, each an option. */
export function addSettings(command: Command): Command {
  return command
    .option('--keep-metadata <what>', 'what renditions keep of the source: copyright, icc, with a comma; or none')
    .option('--formats <list>', 'output formats that may be asked for, with commas; or all')
    .option('--source-hosts <list>', 'hosts from which images may be imported by URL, with commas; or none')
    .option('--retention-days <n>', 'delete images that are older; or never')
    .option('--trash-days <n>', 'how long a deleted image can be brought back')
    .option('--visibility <who>', 'who may see an image whose upload does not say: public or private')
    .option('--cors <list>', 'origins whose pages may read deliveries by script, with commas; or all, or none')
    .option('--cors-credentials', 'with a list in --cors: they may send cookies too')
    .option('--on-budget <what>', 'at the hard stop of a budget: serve_existing, cheaper or refuse');
}

/** What the options say, in the shape of the API; undefined when they say nothing. */
export function settingsOf(options: SettingOptions): TenantSettingsPatch | undefined {
  const { keepMetadata, formats, sourceHosts, retentionDays, trashDays, visibility, onBudget } = options;
  const cors = corsOf(options);
  const said = {
    ...(keepMetadata !== undefined && { keepMetadata: listOf(keepMetadata, 'none') }),
    ...(formats !== undefined && { formats: formats === 'all' ? null : listOf(formats) }),
    ...(sourceHosts !== undefined && { sourceHosts: listOf(sourceHosts, 'none') }),
    ...(retentionDays !== undefined && { retentionDays: retentionDays === 'never' ? null : Number(retentionDays) }),
    ...(trashDays !== undefined && { trashDays: Number(trashDays) }),
    ...(visibility !== undefined && { visibility }),
    ...(cors && { cors }),
    ...(onBudget !== undefined && { onBudget }),
  };
  if (Object.keys(said).length === 0) return undefined;
  const parsed = tenantSettingsPatchSchema.safeParse(said);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ExitError(2, `--${flagOf(String(issue?.path[0]))}: ${issue?.message}`);
}

/** One setting of two parts, which is replaced whole. */
function corsOf({ cors, corsCredentials }: SettingOptions) {
  if (cors !== undefined)
    return { origins: cors === 'all' ? '*' : listOf(cors, 'none'), credentials: !!corsCredentials };
  if (corsCredentials) throw new ExitError(2, '--cors-credentials: takes --cors with a list of origins');
  return undefined;
}

function listOf(text: string, none?: string): string[] {
  return text === none ? [] : text.split(',').map((word) => word.trim());
}

function flagOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
