import { fromLinear, toLinear } from './srgb.ts';
import type { Thumbnail } from './thumbnail.ts';

/** The colours that a picture is made of, most of it first: `#rrggbb`, none twice. Empty when nothing can be seen. */
export function paletteOf(thumbnail: Thumbnail): string[] {
  const points = histogram(thumbnail);
  const total = points.reduce((sum, point) => sum + point.weight, 0);
  const clusters = merged(clustered(points)).filter(({ weight }) => weight >= total * SHARE_MIN);
  return [...new Set(clusters.sort((a, b) => b.weight - a.weight).map(({ lab }) => toHex(lab)))];
}

/** OKLab: equal distances look equally different (Ottosson, 2020), which squares of sRGB do not. */
type Lab = readonly [number, number, number];

interface Point {
  readonly lab: Lab;
  readonly weight: number;
}

const COLOURS_MAX = 6;
const ROUNDS = 8;
/** A colour of fewer pixels than this share is a speck. */
const SHARE_MIN = 0.005;
/** Colours nearer than this are told as one; 0.02 is about what can just be told apart side by side. */
const DISTANCE_MIN = 0.05;
const VISIBLE_ALPHA_MIN = 128;

/** One point for each colour of 5 bits a channel that occurs, at the mean of its pixels. */
function histogram({ rgba }: Thumbnail): Point[] {
  const bins = new Map<number, [number, number, number, number]>();
  for (let at = 0; at < rgba.length; at += 4) {
    const [r = 0, g = 0, b = 0, alpha = 0] = [rgba[at], rgba[at + 1], rgba[at + 2], rgba[at + 3]];
    if (alpha < VISIBLE_ALPHA_MIN) continue;
    const key = ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);
    const bin = bins.get(key);
    if (!bin) bins.set(key, [r, g, b, 1]);
    else {
      bin[0] += r;
      bin[1] += g;
      bin[2] += b;
      bin[3] += 1;
    }
  }
  return [...bins.values()].map(([r, g, b, weight]) => ({ lab: toLab(r / weight, g / weight, b / weight), weight }));
}

/** k-means from seeds that depend on nothing but the picture, so that one picture always has one palette. */
function clustered(points: readonly Point[]): Point[] {
  let centres = seeds(points);
  for (let round = 0; round < ROUNDS; round += 1) {
    const sums = centres.map((): [number, number, number, number] => [0, 0, 0, 0]);
    for (const { lab, weight } of points) {
      const sum = sums[nearest(centres, lab)];
      if (!sum) continue;
      sum[0] += lab[0] * weight;
      sum[1] += lab[1] * weight;
      sum[2] += lab[2] * weight;
      sum[3] += weight;
    }
    centres = sums
      .filter(([, , , weight]) => weight > 0)
      .map(([l, a, b, weight]) => ({ lab: [l / weight, a / weight, b / weight], weight }));
  }
  return centres;
}

/** The most frequent colour, then again and again the one that is frequent and far from all chosen. */
function seeds(points: readonly Point[]): Point[] {
  const chosen: Point[] = [];
  const distances = points.map(() => 1);
  while (chosen.length < Math.min(COLOURS_MAX, points.length)) {
    const scores = points.map(({ weight }, at) => weight * (distances[at] ?? 0));
    const best = points[scores.indexOf(Math.max(...scores))];
    if (!best) break;
    chosen.push(best);
    for (const [at, { lab }] of points.entries()) {
      distances[at] =
        chosen.length === 1 ? squared(lab, best.lab) : Math.min(distances[at] ?? 0, squared(lab, best.lab));
    }
  }
  return chosen;
}

function nearest(centres: readonly Point[], lab: Lab): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [at, centre] of centres.entries()) {
    const distance = squared(centre.lab, lab);
    if (distance >= least) continue;
    best = at;
    least = distance;
  }
  return best;
}

/** Joins the nearest two until all are far enough apart to be told as two. */
function merged(clusters: readonly Point[]): Point[] {
  for (const [at, a] of clusters.entries()) {
    const other = clusters.findIndex((b, index) => index > at && squared(a.lab, b.lab) < DISTANCE_MIN ** 2);
    const b = clusters[other];
    if (b) return merged([...clusters.filter((each) => each !== a && each !== b), mean(a, b)]);
  }
  return [...clusters];
}

function mean(a: Point, b: Point): Point {
  const weight = a.weight + b.weight;
  const along = (axis: 0 | 1 | 2) => (a.lab[axis] * a.weight + b.lab[axis] * b.weight) / weight;
  return { lab: [along(0), along(1), along(2)], weight };
}

function squared(a: Lab, b: Lab): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
}

/** From sRGB of 0 to 255. */
function toLab(red: number, green: number, blue: number): Lab {
  const [r, g, b] = [toLinear(red), toLinear(green), toLinear(blue)];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function toHex([lightness, a, b]: Lab): string {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear.map((sample) => fromLinear(sample).toString(16).padStart(2, '0')).join('')}`;
}
