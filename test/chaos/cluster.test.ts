import { expect, test } from 'vitest';
import { CEPH_MISSING, findCeph } from '../support/ceph-packages.ts';
import { type ClusterDecks, runClusterChaos } from './cluster-run.ts';

const SEED = 20_261_122;
const STRIKES_MIN = 9;
/** One of each sort that is soon over. */
const DECKS: ClusterDecks = {
  member: ['worker', 'node', 'clock', 'disk'],
  servers: ['primary'],
  links: ['databaseCut', 'databaseStall', 'storeCut', 'storeRefused'],
};

test('nodes, database, network, disks and clocks fail under load, and three nodes stay one service', async (context) => {
  if (!findCeph()) return context.skip(CEPH_MISSING);
  console.log(`cluster chaos: seed ${SEED}`);
  const { strikes, verdict, history } = await runClusterChaos({
    seed: SEED,
    strikesMin: STRIKES_MIN,
    msMax: 60_000,
    clients: 3,
    paceMs: 300,
    decks: DECKS,
    restMs: [50, 500],
  });
  console.log(strikes.map(({ kind, recoveryMs }) => `${kind} ${recoveryMs?.toFixed(0) ?? '-'}`).join(', '));
  console.log(Object.fromEntries(verdict.counts), Object.fromEntries(history.answers));
  expect(verdict.violations).toEqual([]);
  expect(strikes.length).toBeGreaterThanOrEqual(STRIKES_MIN);
  expect(verdict.counts.get('uploads checked')).toBeGreaterThan(10);
  expect(verdict.counts.get('URLs asked of all nodes')).toBeGreaterThan(3);
  expect(verdict.counts.get('followers checked')).toBeGreaterThan(3);
}, 600_000);
