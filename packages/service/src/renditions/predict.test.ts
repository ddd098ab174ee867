import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PICTURES, type PictureName, photo } from '../../../../scripts/make-pictures.ts';
import { BOXES, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { outputSize } from './plan.ts';
import { predictJob } from './predict.ts';
import { shrinkOnLoad } from './reduce.ts';
import type { SourceFacts } from './source.ts';

const source: SourceFacts = {
  format: 'jpeg',
  bytes: 2_500_000,
  width: 4000,
  height: 3000,
  frames: 1,
  orientation: 1,
  hasAlpha: false,
  space: 'srgb',
  depth: 'uchar',
  hasProfile: false,
  progressive: false,
  palette: false,
};

describe('the prediction of a job', () => {
  it('knows that a progressive JPEG takes several times what a baseline one does, in memory and time', () => {
    const [baseline, progressive] = [false, true].map((value) => predictJob({ ...source, progressive: value }, BOXES));
    expect(progressive?.costMicros).toBeGreaterThan(2 * (baseline?.costMicros ?? 0));
    expect(progressive?.bytes).toBeGreaterThan(70_000_000 + (baseline?.bytes ?? 0));
  });

  it('counts every frame of an animation, but not for an output that shows one', () => {
    const film: SourceFacts = { ...source, format: 'gif', width: 400, height: 300, frames: 100 };
    const moving = predictJob(film, [{ w: 200 }]);
    const still = predictJob(film, [{ w: 200, fm: 'jpg' }]);
    expect(moving.costMicros).toBeGreaterThan(50 * still.costMicros);
  });

  it('gives every job ten seconds at least and two minutes at most', () => {
    expect(predictJob({ ...source, width: 10, height: 10, bytes: 500 }, BOXES).deadlineMs).toBe(10_000);
    expect(predictJob({ ...source, format: 'gif', width: 400, height: 300, frames: 500 }, [{}]).deadlineMs).toBe(
      120_000,
    );
  });

  it('knows at which scale the library decodes a JPEG', () => {
    const scale = (width: number) => shrinkOnLoad({ ...source, width, height: 3000 }, { width: 600, height: 450 });
    // The whole part of 3000 / 600 is 5, not 4; of 2700 / 600 it is 4, and the library then takes 2.
    expect([1199, 1250, 1900, 2700, 3000].map((width) => scale(width))).toEqual([1, 1, 2, 2, 4]);
    expect(shrinkOnLoad({ ...source, format: 'png' }, { width: 100, height: 75 })).toBe(1);
  });
});

describe('a worker process held against the prediction', () => {
  let rig: WorkerRig;
  beforeAll(async () => {
    rig = await WorkerRig.start();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  it.each(Object.keys(PICTURES) as PictureName[])('takes no more memory for %s', async (name) => {
    await using fresh = await WorkerRig.start();
    const { source, result } = await fresh.run(await PICTURES[name].make(), BOXES);
    expect(result.peakRssBytes).toBeLessThanOrEqual(predictJob(source, BOXES).bytes);
  });

  it('takes no more memory for formats that hold many bytes a pixel', async () => {
    const original = await photo(3000, 2000).jpeg().toBuffer();
    for (const fm of ['avif', 'webp', 'png'] as const) {
      await using fresh = await WorkerRig.start();
      const { source, result } = await fresh.run(original, [{ fm }, { w: 100 }]);
      expect(result.peakRssBytes).toBeLessThanOrEqual(predictJob(source, [{ fm }, { w: 100 }]).bytes);
    }
  });

  it('takes time of the predicted order', async () => {
    for (const name of ['baseline-12mp', 'progressive-6mp', 'modern', 'still'] as const) {
      const original = await PICTURES[name].make();
      await rig.run(original, BOXES);
      const { source, result } = await rig.run(original, BOXES);
      const ratio = result.cpuMs / (predictJob(source, BOXES).costMicros / 1_000);
      expect([name, ratio > 0.2 && ratio < 5 ? 'within' : ratio]).toEqual([name, 'within']);
      expect(result.outputs.map(({ width, height }) => ({ width, height }))).toEqual(
        BOXES.map((box) => outputSize(source, box)),
      );
    }
  });
});
