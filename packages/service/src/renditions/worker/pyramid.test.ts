import type { Transformation } from '@safelight/contract';
import type { Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quadrants } from '../../../../../scripts/make-pictures.ts';
import { GENEROUS, meanDifference, WorkerRig } from '../../../../../test/support/worker-rig.ts';
import { BOUNDS_DEFAULT } from '../bounds.ts';

const [WIDTH, HEIGHT] = [6_702, 4_802];
let rig: WorkerRig;
beforeAll(async () => {
  rig = await WorkerRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());

/** As it is stored, before an orientation turns it. */
const VARIANTS: readonly (readonly [string, (picture: Sharp) => Sharp])[] = [
  ['is mirrored and lies on its side', (picture) => picture.withMetadata({ orientation: 5 }).jpeg()],
  ['is grey', (picture) => picture.toColourspace('b-w').jpeg()],
  ['has a wide gamut', (picture) => picture.withIccProfile('p3').jpeg()],
];

describe('what a real worker makes of the pyramid of a picture that', () => {
  it.each(VARIANTS)('%s is what it makes of the original', async (_, variant) => {
    const original = await variant(quadrants(WIDTH, HEIGHT)).toBuffer();
    const source = await rig.facts(original);
    // The middle, where four colours meet, off the grid of the tiles.
    const { width, height } = source;
    const rect = { x: width / 2 - 701, y: height / 2 - 333, width: 1_403, height: 1_001 };
    const areas: readonly Transformation[] = [
      { rect, fm: 'jpg' },
      { rect, w: 300, orient: 8, fm: 'webp' },
    ];
    const made = async (pyramid: 'make' | 'none') => {
      const folder = await rig.put(original);
      const job = { id: folder, folder, source, bounds: BOUNDS_DEFAULT, transformations: areas, pyramid };
      const { failures } = await rig.worker.run(job, GENEROUS);
      expect(failures).toEqual([]);
      return Promise.all(areas.map((_, index) => rig.see(folder, index)));
    };
    const [of, without] = [await made('make'), await made('none')];
    for (const [index, seen] of of.entries()) {
      const reference = without[index];
      expect([seen.width, seen.height]).toEqual([reference?.width, reference?.height]);
      expect(await meanDifference(seen.file, reference?.file ?? seen.file)).toBeLessThan(2);
    }
  });
});
