import { resolve } from 'node:path';
import type { Command } from 'commander';
import { scrub } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

interface Options {
  readonly repair?: true | readonly string[];
  readonly rate: string;
  readonly restart?: true;
  readonly json?: true;
}

const MEGABYTE = 1_000_000;
const RATE_MAX = 100_000;

export function addScrub(program: Command): void {
  program
    .command('scrub')
    .description('Read every stored object again, hold it against its row, and mend what is damaged; nodes may run.')
    .option(
      '--repair [folders...]',
      'mend: originals from these backups, data folders or stores; renditions by new jobs',
    )
    .option('--rate <megabytes>', 'megabytes per second to read at most', '50')
    .option('--restart', 'begin anew, even if the last scrub was broken off')
    .option('--json', 'as JSON')
    .action(run);
}

async function run({ repair, rate, restart, json }: Options): Promise<void> {
  if (!/^\d{1,6}(\.\d+)?$/.test(rate) || Number(rate) === 0 || Number(rate) > RATE_MAX)
    throw new ExitError(2, `--rate takes megabytes per second, up to ${RATE_MAX}; not ${rate}`);
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const isTerminal = process.stderr.isTTY;
  const result = await scrub(readSettings({}), {
    repairFrom: repair === undefined ? undefined : (repair === true ? [] : repair).map((each) => resolve(each)),
    bytesPerSecondMax: Number(rate) * MEGABYTE,
    restart: restart === true,
    onDamage: ({ damage, kind, id, mended }) => console.error(`${damage}: ${kind} ${id}${mended ? ', mended' : ''}`),
    onProgress: (objects, bytes) => {
      if (isTerminal) process.stderr.write(`\r${objects} objects, ${bytesText(bytes)} `);
    },
    signal: stopping.signal,
  }).catch((error: Error) => {
    throw new ExitError(1, `the scrub was broken off, and goes on there next time: ${error.message}`, { cause: error });
  });
  const { objects, bytes, mended, damaged, finished, resumed } = result;
  if (isTerminal) process.stderr.write('\n');
  if (json) console.log(JSON.stringify(result, undefined, 2));
  else {
    const rows = [
      ...damaged.map((each) => ({ ...each, outcome: 'stays' })),
      ...mended.map((each) => ({ ...each, outcome: each.kind === 'original' ? 'repaired' : 'will be made again' })),
    ].map(({ outcome, damage, kind, tenantId, id }) => [outcome, damage, kind, tenantId, id]);
    if (rows.length > 0) console.log(drawTable(['outcome', 'damage', 'kind', 'tenant', 'id'], rows));
    console.log(`${objects} objects, ${bytesText(bytes)}${resumed ? ', of which some in an earlier run' : ''}.`);
  }
  if (!finished) throw new ExitError(1, 'broken off; the next scrub goes on there');
  if (damaged.length > 0) throw new ExitError(1, `${damaged.length} objects are damaged or missing`);
  if (!json) console.log(mended.length > 0 ? 'Everything else is whole.' : 'Every object is whole.');
}
