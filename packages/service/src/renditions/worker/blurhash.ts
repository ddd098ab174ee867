import { fromLinear, toLinear } from './srgb.ts';
import { type Plane, planesOnWhite, resample, type Size, type Thumbnail } from './thumbnail.ts';

/**
 * BlurHash (github.com/woltapp/blurhash, Algorithm.md): the slowest waves of each channel, in linear light. Its own
 * package takes eight times the time, since it asks for every cosine and power at each pixel again, and scales waves by
 * the largest of them without regard to sign, so that light from the right comes out too bright by half.
 */
export function blurhashOf(thumbnail: Thumbnail): string {
  const { width, height } = thumbnail;
  // Finer detail would not reach the waves.
  const scale = Math.min(1, SIDE_MAX / Math.max(width, height));
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const planes = planesOnWhite(thumbnail).map((plane) =>
    resample(plane, thumbnail, size).map((sample) => toLinear(Math.round(sample))),
  );
  const waves = width >= height ? { x: WAVES_LONG, y: WAVES_SHORT } : { x: WAVES_SHORT, y: WAVES_LONG };
  return encodeWaves(waves, amplitudes(planes, size, waves));
}

const SIDE_MAX = 32;
/** More waves along the longer side; more than these and the text is longer than what it is shown for. */
const [WAVES_LONG, WAVES_SHORT] = [4, 3];

interface Waves {
  readonly x: number;
  readonly y: number;
}

/** One colour for each wave: the mean first, then row by row. */
function amplitudes(planes: readonly Plane[], { width, height }: Size, waves: Waves): number[][] {
  const across = cosines(waves.x, width);
  const down = cosines(waves.y, height);
  return down.flatMap((column, v) =>
    across.map((row, u) =>
      planes.map((plane) => {
        let sum = 0;
        for (let y = 0; y < height; y += 1) {
          for (let x = 0; x < width; x += 1) sum += (plane[y * width + x] ?? 0) * (row[x] ?? 0) * (column[y] ?? 0);
        }
        return (sum * (u === 0 && v === 0 ? 1 : 2)) / (width * height);
      }),
    ),
  );
}

/** The specification has no half pixel here, and so has none of its decoders. */
function cosines(waves: number, length: number): Float64Array[] {
  return Array.from({ length: waves }, (_, wave) =>
    Float64Array.from({ length }, (_, place) => Math.cos((Math.PI * wave * place) / length)),
  );
}

function encodeWaves(waves: Waves, [mean = [], ...rest]: readonly (readonly number[])[]): string {
  const largest = Math.max(...rest.flat().map(Math.abs));
  const step = Math.max(0, Math.min(82, Math.floor(largest * 166 - 0.5)));
  const scale = (step + 1) / 166;
  const [r = 0, g = 0, b = 0] = mean.map(fromLinear);
  const words = rest.map((wave) => wave.reduce((sum, amplitude) => sum * 19 + quantised(amplitude / scale), 0));
  return [
    base83(waves.x - 1 + (waves.y - 1) * 9, 1),
    base83(step, 1),
    base83((r << 16) | (g << 8) | b, 4),
    ...words.map((word) => base83(word, 2)),
  ].join('');
}

/** -1 to 1 in 19 steps that are finer about the middle. */
function quantised(share: number): number {
  return Math.max(0, Math.min(18, Math.floor(Math.sign(share) * Math.sqrt(Math.abs(share)) * 9 + 9.5)));
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~';

function base83(value: number, length: number): string {
  const digits = Array.from({ length }, (_, place) => DIGITS[Math.floor(value / 83 ** (length - 1 - place)) % 83]);
  return digits.join('');
}
