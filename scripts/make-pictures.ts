import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sharp, SharpOptions } from 'sharp';

/**
 * The project's own pictures, for tests, benchmarks and the demo: made here, the same on every run, and free for
 * everybody (CC0 1.0). `node scripts/make-pictures.ts FOLDER` writes them all.
 */
const require = createRequire(new URL('../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;

export interface Picture {
  readonly extension: string;
  readonly make: () => Promise<Buffer>;
}

/** Each picture by name; the name says what is special about it. */
export const PICTURES = {
  'baseline-12mp': { extension: 'jpg', make: () => photo(4000, 3000).jpeg({ quality: 92 }).toBuffer() },
  'progressive-6mp': {
    extension: 'jpg',
    make: () => photo(3000, 2000).jpeg({ quality: 88, progressive: true }).toBuffer(),
  },
  'turned-with-gps': { extension: 'jpg', make: turnedWithGps },
  'display-p3': {
    extension: 'jpg',
    make: () => photo(1200, 900).withIccProfile('p3').jpeg({ quality: 90 }).toBuffer(),
  },
  cmyk: { extension: 'jpg', make: () => photo(900, 600).toColourspace('cmyk').jpeg({ quality: 90 }).toBuffer() },
  grey: { extension: 'jpg', make: () => photo(900, 600).toColourspace('b-w').jpeg({ quality: 90 }).toBuffer() },
  'sixteen-bit': { extension: 'png', make: () => photo(800, 600).toColourspace('rgb16').png().toBuffer() },
  alpha: { extension: 'png', make: alphaDisc },
  palette: { extension: 'png', make: () => photo(640, 480).png({ palette: true, colours: 64 }).toBuffer() },
  animated: { extension: 'gif', make: async () => (await animation()).gif({ ...TIMING, effort: 1 }).toBuffer() },
  'animated-film': {
    extension: 'webp',
    make: async () => (await animation()).webp({ ...TIMING, effort: 1 }).toBuffer(),
  },
  still: { extension: 'webp', make: () => photo(1600, 1200).webp({ quality: 85, effort: 1 }).toBuffer() },
  modern: { extension: 'avif', make: () => photo(1200, 800).avif({ quality: 60, effort: 0 }).toBuffer() },
  vector: { extension: 'svg', make: async () => Buffer.from(VECTOR) },
  pages: { extension: 'tiff', make: pages },
} as const satisfies Record<string, Picture>;

export type PictureName = keyof typeof PICTURES;

/** Writes one picture into a folder that exists, and returns its path. */
export async function writePicture(name: PictureName, folder: string): Promise<string> {
  const { extension, make } = PICTURES[name];
  const path = join(folder, `${name}.${extension}`);
  await writeFile(path, await make());
  return path;
}

/** Frames and timing of the animations. */
export const FRAMES = 6;
const TIMING = { delay: Array.from({ length: FRAMES }, (_, frame) => 80 + 20 * frame), loop: 0 };

const VECTOR = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 500">
  <defs><radialGradient id="lamp"><stop offset="0" stop-color="#f44"/><stop offset="1" stop-color="#200"/></radialGradient></defs>
  <rect width="800" height="500" fill="#180404"/><circle cx="400" cy="250" r="220" fill="url(#lamp)"/>
  <path d="M120 420 L300 180 L420 330 L520 240 L700 420 Z" fill="#0008"/>
</svg>
`;

type Paint = (x: number, y: number) => readonly number[];

/** Something with a photograph's spectrum: broad gradients, edges at all angles, texture and grain. `x`, `y` in 0..1. */
function landscape(): Paint {
  const random = mulberry32(20_240_229);
  const waves = Array.from({ length: 10 }, (_, octave) => ({
    fx: (random() - 0.5) * 1.9 ** octave * 2,
    fy: (random() - 0.5) * 1.9 ** octave * 2,
    phase: random() * 6.28,
    height: 0.8 ** octave,
  }));
  return (x, y) => {
    let field = 0;
    for (const wave of waves) field += wave.height * Math.sin(6.28 * (wave.fx * x + wave.fy * y) + wave.phase);
    const ridge = 0.55 + 0.05 * Math.sin(9 * x) + 0.02 * Math.sin(37 * x + 1);
    const light = y < ridge ? 190 - 110 * y : 70 + 60 * (1 - y);
    const tint = y < ridge ? [0.72, 0.86, 1.08] : [0.9, 1.05, 0.6];
    const grain = (random() - 0.5) * 14;
    return tint.map((share) => light * share + field * 13 + grain);
  };
}

/** A picture of `width` × `height` pixels, painted at most 1000 wide and enlarged from there. */
export function photo(width: number, height: number): Sharp {
  const [w, h] = [Math.min(width, 1000), Math.round((Math.min(width, 1000) * height) / width)];
  return open(paint(w, h, landscape()), w, h, 3).resize(width, height, { fit: 'fill', kernel: 'cubic' });
}

function paint(width: number, height: number, at: Paint): Buffer {
  const channels = at(0, 0).length;
  const pixels = new Uint8ClampedArray(width * height * channels);
  let next = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      pixels.set(at(x / width, y / height), next);
      next += channels;
    }
  }
  return Buffer.from(pixels.buffer);
}

function open(data: Buffer, width: number, height: number, channels: 3 | 4, pageHeight?: number): Sharp {
  const options: SharpOptions = { raw: { width, height, channels, ...(pageHeight && { pageHeight }) } };
  return sharp(data, pageHeight ? { ...options, animated: true } : options);
}

/** Red left, green right, blue below, in the upright picture; stored turned by a quarter, with a place and a name. */
async function turnedWithGps(): Promise<Buffer> {
  const [width, height] = [400, 600];
  const upright = paint(width, height, (x, y) => (y > 0.75 ? [20, 30, 200] : x < 0.5 ? [200, 30, 20] : [20, 200, 30]));
  const stored = await open(upright, width, height, 3).rotate(270).raw().toBuffer();
  return open(stored, height, width, 3)
    .withMetadata({
      orientation: 6,
      exif: {
        IFD0: { Artist: 'Nobody Inparticular', Copyright: 'CC0 1.0' },
        IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 28/1 38/1', GPSLongitudeRef: 'E', GPSLongitude: '0/1 0/1 5/1' },
      },
    })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

/** Its colours, from the upper left one, row by row. */
export const QUADRANTS = [
  [200, 30, 20],
  [20, 200, 30],
  [20, 30, 200],
  [220, 200, 20],
] as const;

/** Four areas of one colour each, to see what was cut, mirrored or turned; `width` and `height` are even. */
export function quadrants(width: number, height: number): Sharp {
  const pixels = paint(width, height, (x, y) => QUADRANTS[(x < 0.5 ? 0 : 1) + (y < 0.5 ? 0 : 2)] ?? []);
  return open(pixels, width, height, 3);
}

/** The same inside of a white border of so many pixels a side, which counts as part of the size. */
export function bordered(width: number, height: number, border: Border): Sharp {
  const { left, top, right, bottom } = border;
  const inside = quadrants(width - left - right, height - top - bottom);
  return inside.extend({ left, top, right, bottom, background: '#fff' });
}

export interface Border {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A calm grey picture with a patch of lively colours whose middle lies at `x`, `y` in 0..1. */
export function patch(width: number, height: number, x: number, y: number): Sharp {
  const random = mulberry32(7);
  const at: Paint = (px, py) =>
    Math.abs(px - x) < 0.1 && Math.abs(py - y) < 0.1
      ? [random() * 255, random() * 120, random() * 60]
      : [120, 120, 120];
  return open(paint(width, height, at), width, height, 3);
}

/** Three pages of one size, each grey and darker than the one before. */
function pages(): Promise<Buffer> {
  const [width, height] = [300, 200];
  const sheets = [230, 150, 70].map((level) => Buffer.alloc(width * height * 3, level));
  return open(Buffer.concat(sheets), width, height * sheets.length, 3, height)
    .tiff({ compression: 'lzw' })
    .toBuffer();
}

/** Opaque red in the middle, fading out; wholly transparent in the corners. */
function alphaDisc(): Promise<Buffer> {
  const side = 500;
  const disc = paint(side, side, (x, y) => [220, 40, 30, 255 * (1.6 - 4 * Math.hypot(x - 0.5, y - 0.5))]);
  return open(disc, side, side, 4).png().toBuffer();
}

/** A white bar that wanders from left to right over a dark ground, one step a frame. */
async function animation(): Promise<Sharp> {
  const [width, height] = [240, 160];
  const frames = Array.from({ length: FRAMES }, (_, frame) =>
    paint(width, height, (x, y) => (Math.floor(x * FRAMES) === frame ? [250, 250, 250] : [30, 30 + 60 * y, 60])),
  );
  return open(Buffer.concat(frames), width, height * FRAMES, 3, height);
}

/** A small seeded generator (Tommy Ettinger's mulberry32), so that the pictures never change. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2];
  if (folder === undefined) {
    console.error('usage: node scripts/make-pictures.ts FOLDER');
    process.exit(2);
  }
  await mkdir(folder, { recursive: true });
  for (const name of Object.keys(PICTURES) as PictureName[]) console.log(await writePicture(name, folder));
}
