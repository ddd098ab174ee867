import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { asSuperuser } from '../test/support/node-database.ts';
import { Safelight } from '../test/support/safelight.ts';
import { numberOption } from './support/number-option.ts';
import { cpuMsByPart } from './support/safelight-stand.ts';
import { median } from './support/statistics.ts';

/**
 * An idle node: the CPU that it and its embedded PostgreSQL take in a second with nothing to do, and how many
 * transactions the node runs in it. A real Safelight, whose first seconds, in which it sweeps what a crash may have left,
 * do not count; medians of several windows.
 *
 *     node bench/idle.ts [--windows 5] [--seconds 10] [--warm-up 10]
 */
const windows = numberOption('--windows', 5);
const seconds = numberOption('--seconds', 10);
const warmUp = numberOption('--warm-up', 10);

const safelight = await Safelight.start();
try {
  await sleep(warmUp * 1_000);
  const began = { load: loadavg()[0] ?? 0, at: performance.now(), transactions: await transactions() };
  const found: Record<string, number>[] = [];
  for (let window = 0; window < windows; window += 1) found.push(await look());
  // Statistics are handed in at the end of a transaction, and at most once a second.
  const perSecond = ((await transactions()) - began.transactions) / ((performance.now() - began.at) / 1_000);
  console.log(`load ${began.load.toFixed(1)}, ${windows} windows of ${seconds} s: milliseconds of CPU per second`);
  for (const part of [...Object.keys(cpuMsByPart(safelight)), 'all']) {
    const values = found.map((one) => one[part] ?? 0);
    const all = values.map((value) => value.toFixed(1)).join(' ');
    console.log(`${part.padEnd(10)} ${median(values).toFixed(1).padStart(5)}   (${all})`);
  }
  console.log(`${perSecond.toFixed(1)} transactions per second`);
} finally {
  await safelight.close();
}

/** What each part took in one window, and all together, in ms per second. */
async function look(): Promise<Record<string, number>> {
  const before = cpuMsByPart(safelight);
  const since = performance.now();
  await sleep(seconds * 1_000);
  const tookSeconds = (performance.now() - since) / 1_000;
  const after = cpuMsByPart(safelight);
  const parts = Object.entries(after).map(([part, ms]) => [part, (ms - (before[part] ?? 0)) / tookSeconds] as const);
  return { ...Object.fromEntries(parts), all: parts.reduce((sum, [, ms]) => sum + ms, 0) };
}

async function transactions(): Promise<number> {
  const sql = 'SELECT xact_commit::float8 AS commits FROM pg_stat_database WHERE datname = current_database()';
  const [row] = await asSuperuser(safelight, sql);
  return Number(row?.commits);
}
