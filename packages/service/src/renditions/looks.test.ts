import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PICTURES, type PictureName } from '../../../../scripts/make-pictures.ts';
import { hostileFiles } from '../../../../test/support/hostile.ts';
import { BOXES, GENEROUS, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { BOUNDS_DEFAULT } from './bounds.ts';
import type { RunResult } from './process.ts';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await WorkerRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());

async function run(original: Buffer, looks: boolean, transformations = BOXES): Promise<RunResult> {
  const [source, folder] = [await rig.facts(original), await rig.put(original)];
  const job = { id: folder, folder, source, transformations, bounds: BOUNDS_DEFAULT, looks };
  return rig.worker.run(job, GENEROUS);
}

describe('the looks of an original, by a real worker', () => {
  it.each(Object.keys(PICTURES) as PictureName[])('come with the presets of %s', async (name) => {
    const { outputs, looks } = await run(await PICTURES[name].make(), true);
    expect(outputs).toHaveLength(BOXES.length);
    expect(looks?.palette.length).toBeGreaterThan(0);
    expect(looks?.opaque).toBe(name !== 'alpha');
  });

  it('are those of the picture as it is shown: upright, and of an animation its first frame', async () => {
    const { looks } = await run(await PICTURES['turned-with-gps'].make(), true);
    const wideBit = (thumbhash = '') => (Buffer.from(thumbhash, 'base64')[4] ?? 0) >> 7;
    expect(wideBit(looks?.thumbhash)).toBe(0);
    const [gif, webp] = [
      await run(await PICTURES.animated.make(), true),
      await run(await PICTURES['animated-film'].make(), true),
    ];
    expect(wideBit(gif.looks?.thumbhash)).toBe(1);
    expect(gif.looks?.perceptualHash).toBe(webp.looks?.perceptualHash);
  });

  it('are not looked for again, once they are known', async () => {
    expect((await run(await PICTURES.grey.make(), false)).looks).toBeUndefined();
  });

  it('are said of the longest strips, and not of what nobody can decode', async () => {
    for (const { name, bytes } of await hostileFiles()) {
      if (!name.startsWith('a strip')) continue;
      expect((await run(bytes, true)).looks, name).toBeDefined();
    }
    const wrong = (await hostileFiles()).find(({ name }) => name === 'a PNG with a wrong checksum');
    const { failures, looks } = await run(wrong?.bytes ?? Buffer.alloc(0), true);
    expect(failures).toHaveLength(BOXES.length);
    expect(looks).toBeUndefined();
  });
});
