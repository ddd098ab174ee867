import { describe, expect, it } from 'vitest';
import { photo } from '../../scripts/make-pictures.ts';
import { type Luma, lumaOf, referenceLuma, ssim } from './ssim.ts';

const SIZE = { width: 160, height: 120 };

async function encoded(quality: number): Promise<Luma> {
  return lumaOf(await photo(SIZE.width, SIZE.height).jpeg({ quality }).toBuffer());
}

function shifted({ data, width, height }: Luma, by: number): Luma {
  return { data: Uint8Array.from(data, (sample) => Math.min(255, Math.max(0, sample + by))), width, height };
}

describe('SSIM', () => {
  it('is 1 of a picture and itself, and less of any other', async () => {
    const picture = await encoded(90);
    expect(ssim(picture, picture)).toBeCloseTo(1, 10);
    expect(ssim(picture, shifted(picture, 20))).toBeLessThan(0.999);
  });

  it('falls with the quality of the encoding', async () => {
    const exact = await lumaOf(await photo(SIZE.width, SIZE.height).png().toBuffer());
    const scores = await Promise.all([95, 80, 50, 10].map(async (quality) => ssim(exact, await encoded(quality))));
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores[0]).toBeGreaterThan(0.95);
    expect(scores[3]).toBeLessThan(0.9);
  });

  it('is what the formula says where it can be worked out by hand', () => {
    const flat = (sample: number): Luma => ({ data: new Uint8Array(64).fill(sample), width: 8, height: 8 });
    // Without variance only the term of the means is left: (2·100·50 + 6.5025) ÷ (100² + 50² + 6.5025).
    expect(ssim(flat(100), flat(50))).toBeCloseTo(10_006.5025 / 12_506.5025, 10);
  });

  it('tells a picture against its negative apart by sign', async () => {
    const picture = await encoded(90);
    const negative = { ...picture, data: picture.data.map((sample) => 255 - sample) };
    expect(ssim(picture, negative)).toBeLessThan(0.2);
  });

  it('compares a rendition with the whole decode of its original, at one size', async () => {
    const original = await photo(800, 600).jpeg({ quality: 95 }).toBuffer();
    const reference = await referenceLuma(original, 200);
    expect([reference.width, reference.height]).toEqual([200, 150]);
    const rendition = await lumaOf(await photo(200, 150).jpeg({ quality: 90 }).toBuffer());
    expect(ssim(reference, rendition)).toBeGreaterThan(0.6);
    expect(() => ssim(reference, { ...rendition, width: 100, height: 300 })).toThrow('cannot be compared');
  });
});
