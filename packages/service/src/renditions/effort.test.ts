import type { Transformation } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../../../scripts/make-pictures.ts';
import { sourceFacts } from '../../../../test/support/uploads.ts';
import { GENEROUS, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { BOUNDS_DEFAULT } from './bounds.ts';
import { effortOf } from './effort.ts';
import { predictJob } from './predict.ts';

const source = (width: number, height: number) => ({ ...sourceFacts(), width, height, bytes: (width * height) / 5 });
const AVIF: Transformation = { fm: 'avif' };
const wide = (w: number): Transformation => ({ w, fm: 'avif' });

describe('the effort of AVIF', () => {
  it('is the least where somebody waits, and one more for what is searched, unless that is large', () => {
    for (const lane of ['live', 'normal'] as const) {
      expect(predictJob(source(4000, 3000), [AVIF], { lane }).effort).toBeUndefined();
    }
    const [plain, searched] = [false, true].map((searched) => ({ searched, effort: undefined }));
    expect([100, 70_000_000].map((pixels) => plain && effortOf(plain, pixels))).toEqual([0, 0]);
    expect([100, 4_000_000, 4_000_001].map((pixels) => searched && effortOf(searched, pixels))).toEqual([1, 1, 0]);
  });

  it('is more where nobody waits, and less with more pixels', () => {
    const efforts = [300, 3_000, 4_400, 10_000].map(
      (side) => predictJob(source(side, side), [AVIF], { lane: 'batch' }).effort,
    );
    expect(efforts).toEqual([3, 3, 2, undefined]);
  });

  it('is one for the whole job, whose outputs share a deadline', () => {
    const widths = Array.from({ length: 16 }, (_, index) => wide(1_600 - index));
    const effort = (count: number) => predictJob(source(4000, 3000), widths.slice(0, count), { lane: 'batch' }).effort;
    expect([effort(1), effort(8), effort(16)]).toEqual([3, 2, undefined]);
  });

  it('leaves every job twenty times what it is predicted to take, or no more than without effort', () => {
    for (const side of [500, 2_000, 3_500, 4_500, 6_000, 10_000]) {
      const batch = predictJob(source(side, side), [AVIF, { fm: 'avif', q: 'auto' }], { lane: 'batch' });
      const live = predictJob(source(side, side), [AVIF, { fm: 'avif', q: 'auto' }], { lane: 'live' });
      expect(batch.deadlineMs).toBeLessThanOrEqual(120_000);
      if (batch.effort === undefined) expect(batch.costMicros).toBe(live.costMicros);
      else {
        expect(batch.costMicros).toBeGreaterThan(live.costMicros);
        expect(batch.deadlineMs).toBeGreaterThanOrEqual((20 * batch.costMicros) / 1_000 - 1);
      }
    }
  });

  it('counts for AVIF with a loss alone', () => {
    const cost = (transformation: Transformation, lane: 'live' | 'batch') =>
      predictJob(source(800, 600), [transformation], { lane }).costMicros;
    for (const one of [{ fm: 'webp' }, { fm: 'jpg' }, { fm: 'avif', lossless: true }] as const) {
      expect(cost(one, 'batch')).toBe(cost(one, 'live'));
    }
    expect(cost({ fm: 'avif', chromasub: '444' }, 'batch')).toBeGreaterThan(
      2 * cost({ fm: 'avif', chromasub: '444' }, 'live'),
    );
  });
});

describe('a worker process', () => {
  let rig: WorkerRig;
  beforeAll(async () => {
    rig = await WorkerRig.start();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  it('writes shorter files with more effort, of what is searched, too', async () => {
    const original = await photo(1200, 900).jpeg({ quality: 90 }).toBuffer();
    const transformations: Transformation[] = [wide(600), { ...wide(600), q: 'auto' }];
    const bytesWith = async (effort: number | undefined) => {
      const [facts, folder] = [await rig.facts(original), await rig.put(original)];
      const job = { id: folder, folder, source: facts, transformations, effort, bounds: BOUNDS_DEFAULT };
      const { outputs } = await rig.worker.run(job, GENEROUS);
      return outputs.toSorted((a, b) => a.index - b.index).map(({ bytes }) => bytes);
    };
    const [waited, later] = [await bytesWith(undefined), await bytesWith(3)];
    expect(later[0]).toBeLessThan(waited[0] ?? 0);
    expect(later[1]).toBeLessThan(waited[1] ?? 0);
  });

  it('makes an AVIF of 10000 × 7000 pixels within its deadline, or is ended by it', async () => {
    const original = await photo(10_000, 7_000).jpeg({ quality: 80 }).toBuffer();
    const facts = await rig.facts(original);
    const { deadlineMs } = predictJob(facts, [AVIF], { lane: 'batch' });
    expect(deadlineMs).toBeLessThanOrEqual(120_000);
    const startedAt = performance.now();
    const ended = await rig
      .run(original, [AVIF], { ...GENEROUS, deadlineMs })
      .then(({ result }) => result.outputs.map(({ width, height, format }) => ({ width, height, format })))
      .catch((error: { reason?: string }) => error.reason);
    expect([[{ width: 10_000, height: 7_000, format: 'avif' }], 'deadline']).toContainEqual(ended);
    expect(performance.now() - startedAt).toBeLessThan(deadlineMs + 5_000);
  }, 150_000);
});
