import { AUTO_WISHES, CLIENT_HINTS, readSome } from '@safelight/contract';
import { signUrl } from '@safelight/sdk';
import type { Command } from 'commander';
import { listTenantUrlKeys } from '../compose.ts';
import { systemClock } from '../core/clock.ts';
import { DEMO_TENANT } from '../tenants/index.ts';
import { ExitError } from './exit.ts';
import { entriesOf, type Parameter, readTransformation } from './parameters.ts';
import { urlOfNode } from './running-node.ts';
import { readSettings } from './settings.ts';

interface UrlOptions {
  readonly tenant: string;
  readonly expires?: number;
  readonly download?: string;
  readonly url?: string;
}

export function addUrl(program: Command): void {
  program
    .command('url')
    .description('Print the signed URL of any rendition of an image.')
    .argument('<image>', 'its id')
    .argument('[parameters...]', 'what to do to it, such as `w=800 fm=webp`; the reference lists them')
    .option('--tenant <name>', 'the tenant that it belongs to', DEMO_TENANT)
    .option(
      '--expires <time>',
      'how long the URL is good, such as 90s, 15m, 1h or 7d; absent: as long as its key',
      duration,
    )
    .option('--download <name>', 'the file name under which browsers save it')
    .option('--url <url>', 'where the service is reached; absent: SAFELIGHT_PUBLIC_URL, or this machine')
    .action(print);
}

async function print(image: string, parameters: readonly string[], options: UrlOptions): Promise<void> {
  const config = readSettings({});
  const { transformation, auto, ch } = readParameters(parameters);
  const keys = await listTenantUrlKeys(config, options.tenant).catch((error: Error) => {
    throw new ExitError(1, error.message, { cause: error });
  });
  const key = keys.find(({ retiredAt }) => retiredAt === undefined);
  if (!key) throw new ExitError(1, `the tenant ${options.tenant} has no URL key`);
  const baseUrl = urlOfNode(config, options.url);
  const url = await signUrl({ baseUrl, tenant: options.tenant, image, key: key.secret }, transformation, {
    expires: options.expires === undefined ? undefined : Math.floor(systemClock.now() / 1_000) + options.expires,
    dl: options.download,
    auto,
    ch,
  });
  console.log(url);
}

function readParameters(parameters: readonly string[]) {
  const entries = entriesOf(parameters);
  const transformation = readTransformation(entries.filter(([name]) => name !== 'auto' && name !== 'ch'));
  return { transformation, auto: wordsOf(entries, 'auto', AUTO_WISHES), ch: wordsOf(entries, 'ch', CLIENT_HINTS) };
}

/** The words that the parameter `name` gives; none when it is not there. */
function wordsOf<const Word extends string>(
  entries: readonly Parameter[],
  name: string,
  allowed: readonly Word[],
): readonly Word[] {
  const given = entries.filter(([other]) => other === name).map(([, text]) => text);
  if (given.length === 0) return [];
  const words = readSome(given.join(','), allowed);
  if (!words) throw new ExitError(2, `${name} takes some of ${allowed.join(', ')}`);
  return words;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds of a text such as `15m`. */
function duration(text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? 0);
  if (!(seconds > 0)) throw new ExitError(2, `${text} is no time such as 90s, 15m, 1h or 7d`);
  return seconds;
}
