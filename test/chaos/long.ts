import { parseArgs } from 'node:util';
import type { StrikeKind } from './monkey.ts';
import { runPowerCuts } from './power-cut.ts';
import { tableOf } from './report.ts';
import { runChaos } from './run.ts';

/**
 * The long chaos run: `npm run chaos -- [--kills 200] [--seed N] [--minutes 45] [--clients 5] [--power-cuts 0]`; power
 * cuts come after the kills and need root on Linux. Ends with 1 when a promise was broken, and then keeps the data
 * folder.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    minutes: { type: 'string', default: '45' },
    clients: { type: 'string', default: '5' },
    'power-cuts': { type: 'string', default: '0' },
  },
});

/** What takes a node down costs seconds, the pause of a node more than a lease: few of those. */
const DECK: readonly StrikeKind[] = [
  ...times('worker', 15),
  ...times('poison', 4),
  ...times('probe', 4),
  ...times('postmaster', 6),
  ...times('backend', 4),
  ...times('commit', 6),
  ...times('node', 4),
  ...times('start', 2),
  ...times('everything', 4),
  ...times('pauseWorker', 2),
  ...times('pauseNode', 1),
];

const seed = Number(values.seed);
const clients = Number(values.clients);
console.log(`seed ${seed}`);
if (Number(values.kills) > 0) await killAll(Number(values.kills));
if (Number(values['power-cuts']) > 0) await cutPower(Number(values['power-cuts']));

async function killAll(killsMin: number): Promise<void> {
  const report = await runChaos({
    ...{ seed, clients, killsMin, paceMs: 400, deck: DECK },
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
  if (report.verdict.violations.length > 0) process.exitCode = 1;
}

async function cutPower(cuts: number): Promise<void> {
  const { cuts: judged, torn } = await runPowerCuts({ seed, cuts, clients, paceMs: 200, onPhase: console.log });
  const violations = judged.flatMap(({ verdict }) => verdict.violations);
  const acknowledged = judged.reduce((sum, cut) => sum + cut.acknowledged, 0);
  for (const { fault, what } of violations) console.log(`! ${fault}: ${what}`);
  console.log(
    `${judged.length} power cuts, ${acknowledged} uploads acknowledged before them, ${violations.length} violations` +
      ` (${torn} copies made again because the kernel wrote meanwhile)`,
  );
  if (violations.length > 0 || judged.length < cuts) process.exitCode = 1;
}

function times(kind: StrikeKind, count: number): StrikeKind[] {
  return Array.from({ length: count }, () => kind);
}
