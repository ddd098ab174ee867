import { expect, test } from 'vitest';
import { Broken, INCIDENTS, type Incident } from './ledger.ts';
import { simulateQueue } from './simulate-queue.ts';

const SEEDS = 10_000;
/** Four seconds of CPU; this is for a machine on which everybody else tests too. */
const MS_MAX = 240_000;
/** `SAFELIGHT_SIM_SEED=123 npx vitest run test/sim` lives one of them again and prints what happens. */
const replayed = process.env.SAFELIGHT_SIM_SEED;

test.skipIf(replayed !== undefined)(
  `in ${SEEDS} lives of a queue every rendition ends, has one effect and is charged once`,
  () => {
    const broken: string[] = [];
    const seen = new Map<Incident, number>();
    for (let seed = 1; seed <= SEEDS && broken.length < 5; seed += 1) {
      try {
        for (const [what, times] of simulateQueue(seed)) seen.set(what, (seen.get(what) ?? 0) + times);
      } catch (error) {
        if (!(error instanceof Broken)) throw new Error(`seed ${seed}`, { cause: error });
        broken.push(`${error.message} (again: SAFELIGHT_SIM_SEED=${seed} npx vitest run test/sim)`);
      }
    }
    expect(broken).toEqual([]);
    for (const incident of INCIDENTS) expect(seen.get(incident), incident).toBeGreaterThan(SEEDS / 20);
  },
  MS_MAX,
);

test.runIf(replayed !== undefined)(`the life of seed ${replayed}, told`, () => {
  simulateQueue(Number(replayed), console.log);
});

test('the same seed makes the same life', () => {
  const [first, second]: [string[], string[]] = [[], []];
  simulateQueue(7, (line) => first.push(line));
  simulateQueue(7, (line) => second.push(line));
  expect(first.length).toBeGreaterThan(10);
  expect(second).toEqual(first);
});
