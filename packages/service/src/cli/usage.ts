import type { Usage } from '@safelight/contract';
import { type Command, Option } from 'commander';
import { readTenantUsage, recount } from '../compose.ts';
import { DEMO_TENANT } from '../tenants/index.ts';
import { type UsageDifference, usageCsv } from '../usage/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

export function addUsage(program: Command): void {
  const usage = program
    .command('usage')
    .description('What a tenant has used this month, what it cost, and what the month will have cost.')
    .option('--tenant <name>', `its short name; absent: ${DEMO_TENANT}`)
    .option('--from <time>', 'ISO 8601; absent: the beginning of the month')
    .option('--to <time>', 'ISO 8601; absent: now')
    .addOption(new Option('--by <span>', 'rows of an hour or of a day').choices(['hour', 'day']).default('day'))
    .addOption(new Option('--csv', 'as CSV').conflicts('json'))
    .option('--json', 'as JSON')
    .action(show);
  usage
    .command('recount')
    .description('Count usage again from the sealed log and what nodes counted, and name every difference.')
    .option('--tenant <name>', 'of one tenant; absent: of all')
    .option('--json', 'as JSON')
    // The command above it has options of the same names, and would keep what is meant for this one.
    .action((_options: unknown, command: Command) => compare(command.optsWithGlobals()));
}

interface ShowOptions {
  readonly tenant?: string;
  readonly from?: string;
  readonly to?: string;
  readonly by: 'hour' | 'day';
  readonly csv?: true;
  readonly json?: true;
}

async function show({ tenant = DEMO_TENANT, from, to, by, csv, json }: ShowOptions): Promise<void> {
  const range = { from: timeOf(from), to: timeOf(to), by };
  const usage = await readTenantUsage(readSettings({}), tenant, range).catch(fail);
  if (json) console.log(JSON.stringify(usage, undefined, 2));
  else if (csv) process.stdout.write(usageCsv(usage));
  else print(usage);
}

const HEAD = ['from (UTC)', 'requests', 'in', 'out', 'stored', 'renders', 'CPU s', 'megapixels', 'cost'];

function print({ rows, total, month, currency, by }: Usage): void {
  const cells = ({
    requests,
    bytesIn,
    bytesOut,
    storedByteHours,
    renders,
    renderSeconds,
    megapixels,
  }: typeof total) => [
    String(requests),
    bytesText(bytesIn),
    bytesText(bytesOut),
    `${bytesText(storedByteHours)}·h`,
    String(renders),
    renderSeconds.toFixed(1),
    megapixels.toFixed(1),
  ];
  const money = (micros: number) => `${(micros / 1e6).toFixed(4)} ${currency}`;
  const lines = rows.map((row) => [
    row.from.slice(0, by === 'hour' ? 16 : 10).replace('T', ' '),
    ...cells(row),
    money(row.costMicros),
  ]);
  console.log(drawTable(HEAD, [...lines, ['total', ...cells(total), money(total.costMicros)]]));
  const name = month.from.slice(0, 7);
  console.log(
    `\n${name} so far ${money(month.costMicros)}, forecast ${money(month.forecastMicros)}; stored now ${bytesText(month.storedBytes)}.`,
  );
}

async function compare({ tenant, json }: { readonly tenant?: string; readonly json?: true }): Promise<void> {
  const { isMetered, differences } = await recount(readSettings({}), tenant).catch(fail);
  if (json) console.log(JSON.stringify({ isMetered, differences }, undefined, 2));
  else for (const difference of differences) console.log(describe(difference));
  if (differences.length > 0)
    throw new ExitError(1, `${differences.length} places where the meter and the records differ`);
  if (json) return;
  console.log('The meter agrees with the sealed log and with what nodes counted.');
  if (!isMetered) console.log('What is stored was not compared: events are on their way. Ask again.');
}

function describe({ tenantId, hour, meter, metered, recounted }: UsageDifference): string {
  const when = hour === null ? 'now' : hour.toISOString().slice(0, 16);
  return `${tenantId} ${when} ${meter}: metered ${metered ?? 'nothing'}, counted again ${recounted ?? 'nothing'}`;
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new ExitError(2, `${text} is no time, such as 2026-11-01 or 2026-11-01T12:00Z`);
  return ms;
}

function fail(error: Error): never {
  throw new ExitError(1, error.message, { cause: error });
}
