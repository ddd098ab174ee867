import { expect, test } from 'vitest';
import { whyNoDisk } from './disk.ts';
import { runPowerCuts } from './power-cut.ts';

const SEED = 7;

test('after a power cut under load a start needs no hand and nothing acknowledged is lost', async (context) => {
  const reason = whyNoDisk();
  if (reason !== undefined) return context.skip(reason);
  const report = await runPowerCuts({ seed: SEED, cuts: 2, clients: 4, paceMs: 200 });
  console.log(`power cuts: seed ${SEED}, acknowledged ${report.cuts.map(({ acknowledged }) => acknowledged)}`);
  expect(report.cuts.flatMap(({ verdict }) => verdict.violations)).toEqual([]);
  expect(report.cuts.map(({ acknowledged }) => acknowledged)).toEqual([expect.any(Number), expect.any(Number)]);
  expect(report.cuts.at(-1)?.acknowledged).toBeGreaterThan(5);
}, 240_000);
