import { describe, expect, it } from 'vitest';
import { IIIF_LIMITS, type IiifPath, iiifInfo, iiifScaleFactors, iiifSizes, isIiifTile, parseIiif } from './iiif.ts';

const ID = 'https://example.org/iiif/3/img_01';
const PICTURE = { width: 6_000, height: 4_000 };

describe('info.json', () => {
  it('says all of level 2 that the specification asks for', () => {
    expect(iiifInfo({ id: ID, ...PICTURE, access: 'open', tileSide: 512 })).toEqual({
      '@context': 'http://iiif.io/api/image/3/context.json',
      id: ID,
      type: 'ImageService3',
      protocol: 'http://iiif.io/api/image',
      profile: 'level2',
      ...PICTURE,
      maxWidth: 16_383,
      maxHeight: 16_383,
      maxArea: 100_000_000,
      sizes: [
        { width: 375, height: 250 },
        { width: 750, height: 500 },
        { width: 1_500, height: 1_000 },
        { width: 3_000, height: 2_000 },
        { width: 6_000, height: 4_000 },
      ],
      tiles: [{ width: 512, scaleFactors: [1, 2, 4, 8, 16] }],
      preferredFormats: ['webp', 'jpg'],
      extraFormats: ['webp', 'gif', 'tif', 'avif'],
      extraQualities: ['color', 'gray'],
      extraFeatures: ['canonicalLinkHeader', 'profileLinkHeader', 'mirroring', 'sizeUpscaling'],
    });
  });

  it('says level 0 where only tiles and sizes are made', () => {
    const info = iiifInfo({ id: ID, ...PICTURE, access: 'tiles', tileSide: 512 });
    expect(info.profile).toBe('level0');
    expect(info.extraFormats).toEqual(['png', 'webp']);
    expect(info.extraQualities).toEqual([]);
    expect(info.extraFeatures).toContain('cors');
    expect(info.extraFeatures).not.toContain('sizeUpscaling');
  });

  it('begins with its context, and has rights only where there are some', () => {
    const rights = 'https://creativecommons.org/publicdomain/zero/1.0/';
    expect(Object.keys(iiifInfo({ id: ID, ...PICTURE, access: 'open', tileSide: 512 }))[0]).toBe('@context');
    expect('rights' in iiifInfo({ id: ID, ...PICTURE, access: 'open', tileSide: 512 })).toBe(false);
    expect(iiifInfo({ id: ID, ...PICTURE, access: 'open', tileSide: 512, rights }).rights).toBe(rights);
  });

  it('prefers only formats that it has', () => {
    for (const access of ['open', 'tiles'] as const) {
      const { preferredFormats, extraFormats } = iiifInfo({ id: ID, ...PICTURE, access, tileSide: 512 });
      expect(['jpg', ...extraFormats]).toEqual(expect.arrayContaining([...preferredFormats]));
    }
  });

  it.each([
    [1, 1, [1]],
    [512, 512, [1]],
    [513, 1, [1, 2]],
    [1_025, 700, [1, 2, 4]],
    [65_535, 1_000, [1, 2, 4, 8, 16, 32, 64, 128]],
  ])('halves a picture of %d × %d until it is one tile', (width, height, factors) => {
    expect(iiifScaleFactors({ width, height }, 512)).toEqual(factors);
  });

  it('lists sizes that can be asked for, and none above the limits', () => {
    for (const source of [PICTURE, { width: 65_535, height: 1_500 }, { width: 999, height: 1_001 }]) {
      const sizes = iiifSizes(source, 512);
      expect(sizes.length).toBeGreaterThan(0);
      for (const { width, height } of sizes) {
        const result = parseIiif(['full', `${width},${height}`, '0', 'default.jpg'], source);
        expect(result.ok && isIiifTile(result.image, source, 512)).toBe(true);
      }
    }
    expect(iiifSizes(PICTURE, 512, { ...IIIF_LIMITS, maxArea: 4_000_000 }).at(-1)).toEqual({
      width: 1_500,
      height: 1_000,
    });
  });
});

describe('a tile', () => {
  const isTile = (...path: IiifPath) => {
    const result = parseIiif(path, PICTURE);
    if (!result.ok) throw new Error(result.problem.allowed);
    return isIiifTile(result.image, PICTURE, 512);
  };

  it('is every one that a viewer asks for by the scale factors', () => {
    let tiles = 0;
    for (const factor of iiifScaleFactors(PICTURE, 512)) {
      const side = 512 * factor;
      for (let y = 0; y < PICTURE.height; y += side) {
        for (let x = 0; x < PICTURE.width; x += side) {
          const [w, h] = [Math.min(side, PICTURE.width - x), Math.min(side, PICTURE.height - y)];
          const region = `${x},${y},${w},${h}`;
          expect(isTile(region, `${Math.ceil(w / factor)},${Math.ceil(h / factor)}`, '0', 'default.jpg')).toBe(true);
          expect(isTile(region, `${Math.ceil(w / factor)},`, '0', 'default.webp')).toBe(true);
          tiles += 1;
        }
      }
    }
    // 12 × 8, 6 × 4, 3 × 2, 2 × 1 and the whole.
    expect(tiles).toBe(129);
  });

  it.each<IiifPath>([
    ['0,0,512,512', '511,512', '0', 'default.jpg'],
    ['0,0,512,512', '512,511', '0', 'default.jpg'],
    ['1,0,512,512', '512,512', '0', 'default.jpg'],
    ['0,0,511,512', '511,512', '0', 'default.jpg'],
    ['512,512,1024,1024', '512,512', '0', 'default.jpg'],
    ['0,0,512,512', '512,512', '90', 'default.jpg'],
    ['0,0,512,512', '512,512', '!0', 'default.jpg'],
    ['0,0,512,512', '512,512', '0', 'gray.jpg'],
    ['0,0,512,512', '512,512', '0', 'default.avif'],
    ['full', '700,', '0', 'default.jpg'],
    ['full', '^max', '0', 'default.jpg'],
    ['square', 'max', '0', 'default.jpg'],
  ])('is not: %s/%s/%s/%s', (...path) => {
    expect(isTile(...path)).toBe(false);
  });

  it('is the largest size too, which level 0 demands', () => {
    expect(isTile('full', 'max', '0', 'default.jpg')).toBe(true);
    const wide = { width: 30_000, height: 3_000 };
    const result = parseIiif(['full', 'max', '0', 'default.jpg'], wide);
    expect(result.ok && isIiifTile(result.image, wide, 512)).toBe(true);
  });
});
