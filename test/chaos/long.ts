import { parseArgs } from 'node:util';
import { CLUSTER_STRIKES, type ClusterStrike } from './cluster-blows.ts';
import { LONG_DECKS, runClusterChaos } from './cluster-run.ts';
import type { History } from './history.ts';
import { deckOf, type Strike } from './monkey.ts';
import { runPowerCuts } from './power-cut.ts';
import { type Legend, tableOf } from './report.ts';
import { runChaos } from './run.ts';
import { STRIKE_KINDS, type StrikeKind } from './subject-blows.ts';

const USAGE = `The long chaos run of one node:
  npm run chaos -- [--kills 200] [--seed N] [--minutes 45] [--clients 5] [--power-cuts 0]
Power cuts come after the kills and need root on Linux. Of three nodes, three PostgreSQL and an S3 server; needs Ceph:
  npm run chaos -- --cluster [--faults 500] [--seed N] [--minutes 60] [--clients 4]
Ends with 1 when a promise was broken, and then keeps the data folder.`;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    cluster: { type: 'boolean', default: false },
    faults: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    minutes: { type: 'string', default: '45' },
    clients: { type: 'string', default: '5' },
    'power-cuts': { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}

/** What takes a node down costs seconds, the pause of a node more than a lease: few of those. */
const DECK: readonly StrikeKind[] = deckOf({
  ...{ worker: 15, poison: 4, probe: 4, postmaster: 6, backend: 4, commit: 6 },
  ...{ node: 4, start: 2, everything: 4, pauseWorker: 2, pauseNode: 1 },
});
const LEGEND: Legend<StrikeKind> = {
  kinds: STRIKE_KINDS,
  parts: {
    worker: ['worker', 'poison', 'probe'],
    PostgreSQL: ['postmaster', 'backend', 'commit'],
    node: ['node', 'start', 'everything'],
  },
};
const CLUSTER_LEGEND: Legend<ClusterStrike> = {
  kinds: CLUSTER_STRIKES,
  parts: {
    worker: ['worker', 'poison', 'probe'],
    node: ['node', 'start', 'everything'],
    'primary (lost)': ['primary'],
    'primary (back)': ['reboot', 'pausePrimary'],
    standby: ['standby', 'pauseStandby', 'pauseStandbys'],
    database: ['databaseRefused', 'databaseCut', 'databaseSlow', 'databaseStall', 'partition'],
    'store (paused)': ['pauseStore'],
    store: ['storeRefused', 'storeCut', 'storeSlow', 'storeStall'],
    disk: ['disk'],
  },
};
/** Ten things are struck at the same time, so that a strike comes about every three seconds and work gets done between. */
const REST_MS = [2_000, 24_000] as const;

const seed = Number(values.seed);
const clients = Number(values.clients);
console.log(`seed ${seed}`);
const msMax = Number(values.minutes) * 60_000;
if (values.cluster) await strikeCluster(Number(values.faults));
else {
  if (Number(values.kills) > 0) await killAll(Number(values.kills));
  if (Number(values['power-cuts']) > 0) await cutPower(Number(values['power-cuts']));
}

async function strikeCluster(strikesMin: number): Promise<void> {
  const report = await runClusterChaos({
    ...{ seed, clients, strikesMin, msMax, paceMs: 800, decks: LONG_DECKS, restMs: REST_MS },
    onStrike: (strike, strikes, history) => tell(strike, history, `${strikes.length}/${strikesMin}`),
    onPhase: (what) => console.log(`      ${what}`),
  });
  console.log(`\n${tableOf(report, CLUSTER_LEGEND)}`);
  if (report.verdict.violations.length > 0 || report.strikes.length < strikesMin) process.exitCode = 1;
}

async function killAll(killsMin: number): Promise<void> {
  const report = await runChaos({
    ...{ seed, clients, killsMin, msMax, paceMs: 400, deck: DECK },
    onStrike: (strike, strikes, history) => {
      const kills = strikes.reduce((sum, strike) => sum + strike.kills, 0);
      tell(strike, history, `${kills}/${killsMin}`);
    },
    onPhase: (what) => console.log(`      ${what}`),
  });
  console.log(`\n${tableOf(report, LEGEND)}`);
  if (report.verdict.violations.length > 0) process.exitCode = 1;
}

function tell({ kind, midJob }: Strike, history: History, progress: string): void {
  const acknowledged = history.uploads.filter((upload) => upload.acknowledged).length;
  const what = `${kind}${midJob ? ' with a job' : ''}`;
  const wrong = history.wrongAnswers.length > 0 ? `, ${history.wrongAnswers.length} answers wrong` : '';
  console.log(`${progress.padStart(8)}  ${what.padEnd(20)} ${acknowledged} uploads acknowledged${wrong}`);
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
