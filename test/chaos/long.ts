import { parseArgs } from 'node:util';
import type { StrikeKind } from './monkey.ts';
import { tableOf } from './report.ts';
import { runChaos } from './run.ts';

/**
 * The long chaos run: `node test/chaos/long.ts [--kills 200] [--seed N] [--minutes 45] [--clients 5]`. Ends with 1 when
 * a promise was broken, and then keeps the data folder.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    minutes: { type: 'string', default: '45' },
    clients: { type: 'string', default: '5' },
  },
});

/** Of fifty strikes; the ones that take a node down take seconds each, the pause of a node more than a lease. */
const DECK: readonly StrikeKind[] = [
  ...times('worker', 16),
  ...times('poison', 4),
  ...times('probe', 4),
  ...times('postmaster', 6),
  ...times('backend', 7),
  ...times('node', 4),
  ...times('start', 2),
  ...times('everything', 4),
  ...times('pauseWorker', 2),
  ...times('pauseNode', 1),
];

const killsMin = Number(values.kills);
console.log(`seed ${values.seed}`);
const report = await runChaos({
  seed: Number(values.seed),
  clients: Number(values.clients),
  paceMs: 400,
  deck: DECK,
  killsMin,
  msMax: Number(values.minutes) * 60_000,
  onStrike: ({ kind, midJob }, strikes, history) => {
    const kills = strikes.reduce((sum, strike) => sum + strike.kills, 0);
    const acknowledged = history.uploads.filter((upload) => upload.acknowledged).length;
    const what = `${kind}${midJob ? ' with a job' : ''}`;
    console.log(`${String(kills).padStart(4)}/${killsMin}  ${what.padEnd(20)} ${acknowledged} uploads acknowledged`);
  },
  onPhase: (what) => console.log(`      ${what}`),
});
console.log(`\n${tableOf(report)}`);
process.exitCode = report.verdict.violations.length > 0 ? 1 : 0;

function times(kind: StrikeKind, count: number): StrikeKind[] {
  return Array.from({ length: count }, () => kind);
}
