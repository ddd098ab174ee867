import { PARAMETERS, type ParameterName, parseTransformation, type Transformation } from '@safelight/contract';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planRender } from '../../packages/service/src/renditions/plan.ts';
import { PICTURES, quadrants } from '../../scripts/make-pictures.ts';
import { GENEROUS, WorkerRig } from '../support/worker-rig.ts';

let rig: WorkerRig;
beforeAll(async () => {
  rig = await WorkerRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());

const one = (...texts: readonly string[]) => fc.constantFrom(...texts);
const whole = (min: number, max: number) => fc.integer({ min, max }).map(String);
/** Small sides mostly, so that hundreds of pictures take seconds. */
const side = fc.oneof({ weight: 9, arbitrary: whole(1, 200) }, { weight: 1, arbitrary: whole(201, 16_384) });
const colour = one('f00', '80ff0000', '0000', 'ffffff');

/** Texts of each parameter's values; overlays and what goes with the file are not made of pixels. */
const VALUES = {
  w: side,
  h: side,
  fit: one('clip', 'crop', 'fill', 'fillmax', 'max', 'min', 'scale'),
  crop: one('top', 'bottom,right', 'left', 'entropy', 'edges', 'focalpoint'),
  'fp-x': whole(0, 1),
  'fp-y': one('0.3', '0.999'),
  ar: one('1:1', '16:9', '1:20', '1.91:1', '1000:1'),
  dpr: one('1', '1.5', '5'),
  rect: fc.tuple(whole(0, 70), whole(0, 50), whole(1, 80), whole(1, 99)).map((numbers) => numbers.join(',')),
  orient: whole(1, 8),
  trim: one('auto'),
  'trim-tol': whole(1, 255),
  flip: one('h', 'v', 'hv'),
  rot: fc.oneof(whole(0, 359), one('90', '180', '270')),
  pad: whole(0, 60),
  bg: colour,
  'border-radius': one('max', '1', '7', '500'),
  page: one('1', '2', '7'),
  fm: one('jpg', 'png', 'webp', 'avif', 'gif', 'tiff'),
  q: one('1', '50', '100'),
  lossless: one('true'),
  chromasub: one('420', '444'),
  icc: one('srgb', 'p3'),
  bri: whole(-100, 100),
  con: whole(-100, 100),
  gam: whole(-100, 100),
  sat: whole(-100, 100),
  hue: whole(0, 359),
  invert: one('true'),
  sepia: whole(1, 100),
  monochrome: colour,
  blur: whole(1, 200),
  sharp: whole(1, 100),
} satisfies Partial<Record<ParameterName, fc.Arbitrary<string>>>;

const transformation: fc.Arbitrary<Transformation> = fc
  .record(VALUES, { requiredKeys: [] })
  .chain((values) => fc.subarray(Object.entries(values), { maxLength: 7 }))
  .map((entries) => parseTransformation(entries as [string, string][]))
  .filter((parsed) => parsed.ok)
  .map((parsed) => (parsed.ok ? parsed.transformation : {}));

const SOURCES: Readonly<Record<string, () => Promise<Buffer>>> = {
  'an opaque picture': () => quadrants(64, 48).jpeg().toBuffer(),
  'a transparent one': () => quadrants(64, 48).ensureAlpha(0.5).png().toBuffer(),
  'a grey one': () => quadrants(64, 48).toColourspace('b-w').png().toBuffer(),
  'one of 16 bits with a wide gamut': () =>
    quadrants(64, 48).withIccProfile('p3').toColourspace('rgb16').png().toBuffer(),
  'a turned one': () => quadrants(64, 48).withMetadata({ orientation: 5 }).jpeg().toBuffer(),
  'one of a single pixel': () => quadrants(2, 2).extract({ left: 0, top: 0, width: 1, height: 1 }).png().toBuffer(),
  'a strip': () => quadrants(2, 600).extract({ left: 0, top: 0, width: 1, height: 600 }).webp().toBuffer(),
  'an animation': () => PICTURES.animated.make(),
  pages: () => PICTURES.pages.make(),
  'a drawing': () => PICTURES.vector.make(),
};

describe('of whatever the grammar allows, an output of the planned size is made, or a cause named', () => {
  it.each(Object.entries(SOURCES))('of %s', async (_, make) => {
    const original = await make();
    await fc.assert(
      fc.asyncProperty(fc.array(transformation, { minLength: 1, maxLength: 5 }), async (transformations) => {
        const { source, folder, result } = await rig.run(original, transformations, {
          ...GENEROUS,
          deadlineMs: 40_000,
        });
        const planned = new Map(
          planRender(source, transformations).bases.flatMap(({ arrangement, later }) =>
            arrangement.pictures.flatMap(({ layout, outputs }) =>
              outputs.map(({ index }) => [index, later ? undefined : layout.size] as const),
            ),
          ),
        );
        for (const { cause } of result.failures) {
          expect(['output_too_large', 'rect_outside', 'page_missing']).toContain(cause.code);
        }
        for (const { index, format, width, height } of result.outputs) {
          const seen = await rig.see(folder, index);
          expect({ width: seen.width, height: seen.height, format: seen.format }).toEqual({ width, height, format });
          expect({ width, height, ...planned.get(index) }).toEqual({ width, height });
        }
      }),
      { numRuns: 16, seed: 20_240_229 },
    );
  });

  it('that is every parameter but those of overlays and of what goes with the file', () => {
    const others = Object.keys(PARAMETERS).filter((name) => !(name in VALUES));
    expect(others.filter((name) => !/^(mark|txt)/.test(name))).toEqual(['meta']);
  });
});
