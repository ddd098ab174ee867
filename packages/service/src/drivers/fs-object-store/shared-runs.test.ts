import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedRuns } from './shared-runs.ts';

/** Work whose runs end when the test says so. */
function workToEnd() {
  const runs: { subject: string; end: (error?: Error) => void }[] = [];
  const work = (subject: string) =>
    new Promise<void>((resolve, reject) => {
      runs.push({ subject, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  return { runs, shared: new SharedRuns(work) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('shared runs', () => {
  it('never let a caller share a run that had begun before it asked', async () => {
    const { runs, shared } = workToEnd();
    const first = shared.run('a');
    let secondDone = false;
    const second = shared.run('a').then(() => {
      secondDone = true;
    });
    runs[0]?.end();
    await first;
    await settled();
    expect(secondDone).toBe(false);
    expect(runs).toHaveLength(2);
    runs[1]?.end();
    await second;
  });

  it('serve all who ask during one run with one more', async () => {
    const { runs, shared } = workToEnd();
    const callers = Array.from({ length: 100 }, () => shared.run('a'));
    runs[0]?.end();
    await settled();
    runs[1]?.end();
    await Promise.all(callers);
    expect(runs).toHaveLength(2);
  });

  it('of different subjects go on side by side', async () => {
    const { runs, shared } = workToEnd();
    const callers = [shared.run('a'), shared.run('b')];
    expect(runs.map((run) => run.subject)).toEqual(['a', 'b']);
    for (const run of runs) run.end();
    await Promise.all(callers);
  });

  it('tell a failure to those who shared the run, and try again for those behind', async () => {
    const { runs, shared } = workToEnd();
    const first = shared.run('a');
    const second = shared.run('a');
    runs[0]?.end(new Error('disk gone'));
    await expect(first).rejects.toThrow('disk gone');
    await settled();
    runs[1]?.end();
    await second;
  });

  it('begin after each call and one at a time, however calls and ends interleave', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 40 }), runInterleaved));
  });
});

async function runInterleaved(calls: readonly boolean[]): Promise<void> {
  let begun = 0;
  let running = 0;
  const ends: (() => void)[] = [];
  const shared = new SharedRuns(async () => {
    begun += 1;
    running += 1;
    expect(running).toBe(1);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
  });
  const callers: Promise<void>[] = [];
  for (const call of calls) {
    const begunBefore = begun;
    if (call) callers.push(shared.run('a').then(() => expect(begun).toBeGreaterThan(begunBefore)));
    else {
      ends.shift()?.();
      await settled();
    }
  }
  for (let turn = 0; turn < 3; turn += 1) {
    ends.shift()?.();
    await settled();
  }
  await Promise.all(callers);
}
