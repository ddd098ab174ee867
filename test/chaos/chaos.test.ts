import { expect, test } from 'vitest';
import { runChaos } from './run.ts';
import type { StrikeKind } from './subject-blows.ts';

const SEED = 20_261_122;
const KILLS_MIN = 12;
const DECK: readonly StrikeKind[] = [
  ...(['worker', 'worker', 'worker', 'worker', 'poison', 'probe'] as const),
  ...(['postmaster', 'backend', 'commit', 'commit', 'node', 'everything', 'pauseWorker'] as const),
];

test('workers, PostgreSQL, the node and all at once are killed under load, and nothing acknowledged is lost', async () => {
  console.log(`chaos: seed ${SEED}`);
  const report = await runChaos({
    seed: SEED,
    clients: 4,
    paceMs: 300,
    deck: DECK,
    killsMin: KILLS_MIN,
    msMax: 120_000,
  });
  const { strikes, verdict, history } = report;
  console.log(strikes.map(({ kind, recoveryMs }) => `${kind} ${recoveryMs?.toFixed(0) ?? '-'}`).join(', '));
  console.log(Object.fromEntries(verdict.counts), Object.fromEntries(history.answers));
  expect(verdict.violations).toEqual([]);
  expect(strikes.reduce((sum, { kills }) => sum + kills, 0)).toBeGreaterThanOrEqual(KILLS_MIN);
  // Blows at workers that stand idle would show nothing.
  expect(strikes.filter(({ midJob }) => midJob).length).toBeGreaterThanOrEqual(2);
  expect(verdict.counts.get('uploads checked')).toBeGreaterThan(10);
}, 300_000);
