import { SCALING_REASONS } from '@safelight/contract';
import type { Command } from 'commander';
import { readScaling } from '../compose.ts';
import type { ScalingDecision } from '../fleet/index.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

interface ScalingOptions {
  readonly changes?: true;
  readonly limit: string;
  readonly json?: true;
}

const LIMIT_MAX = 10_000;
const HEAD = ['at', 'workers', 'needed', 'reason', 'cut by', 'waiting', 'drains in', 'arriving', 'oldest', 'why'];

export function addScaling(program: Command): void {
  program
    .command('scaling')
    .description('What the autoscaler decided on the size of the fleet, on what it saw and why; the newest first.')
    .option('--changes', 'only decisions that changed the size')
    .option('--limit <n>', 'how many', '20')
    .option('--json', 'as JSON, with all that was seen and the policy')
    .action(show);
}

async function show({ changes, limit, json }: ScalingOptions): Promise<void> {
  if (!/^\d{1,5}$/.test(limit) || Number(limit) < 1 || Number(limit) > LIMIT_MAX)
    throw new ExitError(2, `--limit must be a whole number from 1 to ${LIMIT_MAX}`);
  const page = { limit: Number(limit), changesOnly: changes === true };
  const history = await readScaling(readSettings({}), page).catch((error: Error) => {
    throw new ExitError(1, error.message, { cause: error });
  });
  if (json) {
    console.log(JSON.stringify(history, undefined, 2));
    return;
  }
  console.log(history.leader ? `${history.leader} decides.` : 'No node decides: none has the role scaler.');
  if (history.decisions.length > 0) console.log(`\n${drawTable(HEAD, history.decisions.map(toRow))}`);
}

function toRow(decision: ScalingDecision): string[] {
  const { at, workersBefore, workers, workersNeeded, reason, cutBy, drainSeconds, failure, observations } = decision;
  const { workSecondsQueued, waitSecondsOldest, workSecondsArriving, jobsQueued } = observations;
  const work = sumOf(workSecondsQueued);
  return [
    at.toISOString().replace('T', ' ').slice(0, 19),
    workersBefore === workers ? String(workers) : `${workersBefore} → ${workers}`,
    String(workersNeeded),
    reason,
    cutBy.join(', '),
    `${jobsQueued} jobs, ${work.toFixed(1)} s`,
    drainSeconds === null ? 'never' : `${drainSeconds.toFixed(1)} s`,
    `${workSecondsArriving.toFixed(2)} s/s`,
    `${Math.max(...Object.values(waitSecondsOldest)).toFixed(1)} s`,
    failure ?? SCALING_REASONS[reason],
  ];
}

function sumOf(figures: Readonly<Record<string, number>>): number {
  return Object.values(figures).reduce((sum, figure) => sum + figure, 0);
}
