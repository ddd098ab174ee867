import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lumaOf as lumaOfFile, ssim } from '../../../../../bench/support/ssim.ts';
import { PICTURES, photo } from '../../../../../scripts/make-pictures.ts';
import { WorkerRig } from '../../../../../test/support/worker-rig.ts';
import { findQuality, likenessOf, sampleOf, TRIALS_MAX } from './quality.ts';
import { halved, lumaOf, type Samples, structuralSimilarity } from './similarity.ts';

const SIDE = 256;

/** Noise of that many levels either way, the same on every run. */
function noise(levels: number, { width = SIDE, height = SIDE, base = 128 } = {}): Samples {
  let state = 1;
  const data = Buffer.alloc(width * height * 3);
  for (let at = 0; at < data.length; at += 1) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    data[at] = base + Math.round((state / 2 ** 30 - 1) * levels);
  }
  return { data, width, height, channels: 3 };
}

async function samples(image: Sharp): Promise<Samples> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height, channels: info.channels };
}

/** What becomes of pixels in a JPEG. */
async function byJpeg({ data, width, height, channels }: Samples, quality: number): Promise<Samples> {
  const raw = { width, height, channels: channels as 3 };
  return samples(sharp(await sharp(data, { raw }).jpeg({ quality }).toBuffer()));
}

describe('the likeness of two pictures', () => {
  it('is 1 for the same and falls with every level of noise', async () => {
    const picture = await samples(photo(400, 300).removeAlpha());
    const noisy = (levels: number): Samples => {
      const { data } = noise(levels, { width: 400, height: 300 });
      return {
        ...picture,
        data: picture.data.map((sample, at) => Math.min(255, Math.max(0, sample + (data[at] ?? 128) - 128))),
      };
    };
    const likenesses = [0, 2, 4, 8, 16, 32].map((levels) => likenessOf(picture, noisy(levels)));
    expect(likenesses[0]).toBe(1);
    expect(likenesses).toEqual([...likenesses].sort((a, b) => b - a));
    expect(new Set(likenesses).size).toBe(likenesses.length);
  });

  it('is the structural similarity that a plain implementation of the paper finds', async () => {
    const picture = await photo(600, 400).removeAlpha().png().toBuffer();
    for (const quality of [30, 60, 90]) {
      const encoded = await sharp(picture).jpeg({ quality }).toBuffer();
      const ours = structuralSimilarity(lumaOf(await samples(sharp(picture))), lumaOf(await samples(sharp(encoded))));
      // Windows stand half as dense.
      expect(ours).toBeCloseTo(ssim(await lumaOfFile(picture), await lumaOfFile(encoded)), 2);
    }
  });

  it('sees grey and transparent pictures by their brightness', () => {
    const colour = noise(40);
    const levels = lumaOf(colour).data;
    expect(lumaOf({ ...colour, data: levels, channels: 1 }).data).toEqual(levels);
    const hidden = lumaOf({
      data: Buffer.from([200, 200, 200, 0, 200, 200, 200, 255]),
      width: 2,
      height: 1,
      channels: 4,
    });
    expect([...hidden.data]).toEqual([0, 200]);
    expect(halved({ data: Uint8Array.from([0, 10, 20, 30, 40, 60]), width: 3, height: 2 }).data).toEqual(
      Uint8Array.from([20]),
    );
  });

  it('of strips that are narrower than a window is told of none', () => {
    expect(likenessOf(noise(40, { width: 3, height: 900 }), noise(40, { width: 3, height: 900, base: 90 }))).toBe(1);
  });
});

describe('a search for the lowest quality', () => {
  it('gives a smooth picture less than a detailed one, and neither more than it may', async () => {
    const smooth = await findQuality(await samples(photo(500, 400).removeAlpha().blur(8)), 'jpeg', byJpeg);
    const detailed = await findQuality(noise(30), 'jpeg', byJpeg);
    expect(smooth.quality).toBeLessThan(detailed.quality);
    expect(smooth.quality).toBeGreaterThanOrEqual(50);
    expect(detailed.quality).toBeLessThanOrEqual(86);
  });

  it('of a flat picture ends at the lowest that is allowed', async () => {
    expect(await findQuality(noise(0), 'jpeg', byJpeg)).toMatchObject({ quality: 50, score: 1 });
  });

  it('of what no quality meets ends at the highest that is allowed', async () => {
    const hopeless = await findQuality(noise(100), 'jpeg', async (sample) => ({
      ...sample,
      data: Buffer.alloc(sample.data.length, 128),
    }));
    expect(hopeless).toMatchObject({ quality: 86, score: undefined });
  });

  it('ends after a few encodes at what meets the target, near the lowest that does', async () => {
    const picture = noise(60);
    // An encoder that loses more the lower the quality, at a pace and from a height of its own.
    const lossy = (quality: number, pace: number, height: number): Samples => {
      const amplitude = height * Math.exp(-pace * quality);
      const lost = noise(amplitude).data;
      return { ...picture, data: picture.data.map((sample, at) => sample + (lost[at] ?? 128) - 128) };
    };
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.005, max: 0.06, noNaN: true }),
        fc.double({ min: 10, max: 400, noNaN: true }),
        async (pace, height) => {
          let encodes = 0;
          const scoreAt = (quality: number) => likenessOf(picture, lossy(quality, pace, height));
          const found = await findQuality(picture, 'jpeg', async (_, quality) => {
            encodes += 1;
            return lossy(quality, pace, height);
          });
          expect(encodes).toBe(found.trials);
          expect(encodes).toBeLessThanOrEqual(TRIALS_MAX);
          if (found.score === undefined) expect(found.quality).toBe(86);
          else {
            expect(found.score).toBe(scoreAt(found.quality));
            expect(found.score).toBeGreaterThanOrEqual(0.985);
            // Four steps lower it would not have been met, or none is allowed.
            if (found.quality >= 54) expect(scoreAt(found.quality - 4)).toBeLessThan(0.985);
          }
        },
      ),
      { numRuns: 60, seed: 7 },
    );
  });

  it('ends after a few encodes, however an encoder behaves', async () => {
    const picture = noise(60, { width: 64, height: 64 });
    await fc.assert(
      fc.asyncProperty(fc.func(fc.double({ min: 0, max: 12, noNaN: true })), async (amplitudeOf) => {
        const tried: number[] = [];
        const found = await findQuality(picture, 'jpeg', async (sample, quality) => {
          tried.push(quality);
          const lost = noise(amplitudeOf(quality), { width: 64, height: 64 }).data;
          return { ...sample, data: sample.data.map((level, at) => level + (lost[at] ?? 128) - 128) };
        });
        expect(tried.length).toBeLessThanOrEqual(TRIALS_MAX);
        expect(new Set(tried).size).toBe(tried.length);
        for (const quality of [...tried, found.quality]) expect(quality >= 50 && quality <= 86).toBe(true);
      }),
      { numRuns: 300, seed: 11 },
    );
  });
});

describe('the sample of a large picture', () => {
  it('is made of tiles from all over it', () => {
    const [width, height] = [3_000, 2_000];
    const data = Buffer.alloc(width * height);
    for (let y = 0; y < height; y += 1) data.fill(Math.floor((y * 255) / height), y * width, (y + 1) * width);
    const sample = sampleOf({ data, width, height, channels: 1 });
    const rows = Array.from({ length: sample.height }, (_, y) => sample.data[y * sample.width] ?? 0);
    expect(sample.width * sample.height).toBeGreaterThan(450_000);
    expect(sample.width * sample.height).toBeLessThan(750_000);
    expect(sample.data.length).toBe(sample.width * sample.height);
    expect(rows[0]).toBeLessThan(30);
    expect(rows.at(-1)).toBeGreaterThan(225);
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
  });

  it('leads to the quality that the whole picture leads to', async () => {
    const whole = await samples(photo(2_400, 1_600).removeAlpha());
    const pieces = sampleOf(whole);
    expect(pieces.data.length).toBeLessThan(whole.data.length / 4);
    const { quality } = await findQuality(whole, 'jpeg', byJpeg);
    const score = likenessOf(whole, await byJpeg(whole, quality));
    expect(Math.abs(score - 0.985)).toBeLessThan(0.004);
  });

  it('is the picture itself where that is small', () => {
    const picture = noise(10);
    expect(sampleOf(picture)).toBe(picture);
    const strip = noise(10, { width: 100_000, height: 8 });
    expect(sampleOf(strip)).toBe(strip);
  });
});

describe('q=auto in the worker process', () => {
  let rig: WorkerRig;
  beforeAll(async () => {
    rig = await WorkerRig.start();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  it.each(['jpg', 'webp', 'avif'] as const)(
    'makes %s shorter than its fixed quality where that is too much',
    async (fm) => {
      const original = await photo(900, 600).blur(6).jpeg({ quality: 95 }).toBuffer();
      const [fixed, auto] = await rig.render(original, [
        { w: 700, fm },
        { w: 700, fm, q: 'auto' },
      ]);
      expect([auto?.format, auto?.width, auto?.height]).toEqual([fixed?.format, fixed?.width, fixed?.height]);
      expect(auto?.file.length).toBeLessThan((fixed?.file.length ?? 0) * 0.9);
    },
  );

  it('gives the same for a picture alone and among others', async () => {
    const original = await PICTURES['progressive-6mp'].make();
    const [alone] = await rig.render(original, [{ w: 500, fm: 'jpg', q: 'auto' }]);
    const [among] = await rig.render(original, [
      { w: 500, fm: 'jpg', q: 'auto' },
      { w: 500, fm: 'webp', q: 'auto' },
    ]);
    expect(among?.file.equals(alone?.file ?? Buffer.alloc(0))).toBe(true);
  });

  it('keeps grey pictures grey and transparent ones transparent', async () => {
    const [grey] = await rig.render(await PICTURES.grey.make(), [{ w: 300, fm: 'jpg', q: 'auto' }]);
    expect((await sharp(grey?.file).metadata()).channels).toBe(1);
    const [clear] = await rig.render(await PICTURES.alpha.make(), [{ w: 200, fm: 'webp', q: 'auto' }]);
    expect((await sharp(clear?.file).metadata()).hasAlpha).toBe(true);
  });

  it('leaves formats without quality, and animations, as they are', async () => {
    const still = await rig.render(await PICTURES.alpha.make(), [
      { w: 200, fm: 'png' },
      { w: 200, fm: 'png', q: 'auto' },
    ]);
    expect(still[1]?.file.equals(still[0]?.file ?? Buffer.alloc(0))).toBe(true);
    const film = await rig.render(await PICTURES['animated-film'].make(), [{ w: 60 }, { w: 60, q: 'auto' }]);
    expect(film[1]?.frames).toBeGreaterThan(1);
    expect(film[1]?.file.equals(film[0]?.file ?? Buffer.alloc(0))).toBe(true);
  });
});
