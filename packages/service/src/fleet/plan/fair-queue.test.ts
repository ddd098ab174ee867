import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryQueue } from '../../../../../test/sim/memory-queue.ts';
import { LANES } from '../../jobs/index.ts';
import { FairQueue } from './fair-queue.ts';
import { traceOf } from './trace.ts';

const command = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'put' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('claim' as const), max: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), pick: fc.nat() }) },
);
const job = fc.record({
  tenant: fc.constantFrom('a', 'b', 'c'),
  lane: fc.constantFrom(...LANES),
  workSeconds: fc.integer({ min: 1, max: 5_000 }).map((micros) => micros / 1e6),
  atSeconds: fc.constant(0),
});

/** The same queue in memory is what the SQL is held to (jobs/model.test.ts). */
test('hands out jobs in the very order of the queue that the SQL equals', () => {
  fc.assert(
    fc.property(
      fc.array(job, { minLength: 40, maxLength: 40 }),
      fc.array(command, { minLength: 60, maxLength: 80, size: 'max' }),
      (jobs, steps) => {
        const queue = new FairQueue(traceOf('made', jobs, 0));
        const model = new MemoryQueue(new Map());
        const held: number[] = [];
        let next = 0;
        for (const [second, step] of steps.entries()) {
          const added = jobs[next];
          if (step.kind === 'put' && added) {
            const { tenant: tenantId, lane, workSeconds } = added;
            const costMicros = Math.round(workSeconds * 1e6);
            model.enqueue({ tenantId, jobId: idOf(next), originalId: idOf(next), lane, costMicros, bytesPredicted: 1 });
            queue.put(next, second);
            next += 1;
          } else if (step.kind === 'claim') {
            const claimed = queue.claim(step.max);
            expect(claimed.map(idOf)).toEqual(model.claim('node', step.max).map(({ jobId }) => jobId));
            held.push(...claimed);
          } else if (step.kind === 'expire' && held.length > 0) {
            const [lost = 0] = held.splice(step.pick % held.length, 1);
            const lease = model.jobs.get(idOf(lost));
            if (lease) lease.leaseUntilMs = -1;
            model.reapExpired();
            queue.giveBack(lost, second);
          }
        }
      },
    ),
    { numRuns: 150 },
  );
});

test('tells how much work waits in each lane, and for how long', () => {
  const at = (atSeconds: number, lane: (typeof LANES)[number]) => ({ atSeconds, lane, tenant: 'a', workSeconds: 2 });
  const queue = new FairQueue(traceOf('made', [at(0, 'live'), at(1, 'live'), at(2, 'batch')], 0));
  for (const second of [0, 1, 2]) queue.put(second, second);
  expect(queue.workSeconds()).toEqual({ live: 4, normal: 0, batch: 2 });
  expect(queue.oldestSeconds(5)).toEqual({ live: 5, normal: 0, batch: 3 });
  expect(queue.claim(1)).toEqual([0]);
  expect(queue.workSeconds().live).toBe(2);
  expect(queue.oldestSeconds(5).live).toBe(4);
  queue.giveBack(0, 5);
  expect(queue.oldestSeconds(6).live).toBe(5);
});

/** Equal starts are told apart by id there, by turn here. */
function idOf(index: number): string {
  return `job${String(index).padStart(3, '0')}`;
}
