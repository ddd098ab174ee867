import { fromLinear, toLinear } from './srgb.ts';
import type { Thumbnail } from './thumbnail.ts';

/** The colours that a picture is made of, most of it first: `#rrggbb`, none twice. Empty when nothing can be seen. */
export function paletteOf(thumbnail: Thumbnail): string[] {
  const points = histogram(thumbnail);
  const total = points.weights.reduce((sum, weight) => sum + weight, 0);
  const clusters = merged(clustered(points)).filter(({ weight }) => weight >= total * SHARE_MIN);
  return [...new Set(clusters.sort((a, b) => b.weight - a.weight).map(({ lab }) => toHex(lab)))];
}

/** OKLab: equal distances look equally different (Ottosson, 2020), which squares of sRGB do not. */
type Lab = readonly [number, number, number];

interface Cluster {
  readonly lab: Lab;
  readonly weight: number;
}

/** Hundreds of colours, flat: in lists of lists they take five times as long to look through. */
interface Points {
  /** Three for each. */
  readonly labs: Float64Array;
  readonly weights: Float64Array;
}

const COLOURS_MAX = 6;
const ROUNDS = 8;
/** A colour of fewer pixels than this share is a speck. */
const SHARE_MIN = 0.005;
/** Colours nearer than this are told as one; 0.02 is about what can just be told apart side by side. */
const DISTANCE_MIN = 0.05;
const VISIBLE_ALPHA_MIN = 128;
const BINS = 2 ** 15;

/** One point for each colour of 5 bits a channel that occurs, at the mean of its pixels. */
function histogram({ rgba }: Thumbnail): Points {
  /** The point of each bin, counted from one; 0 where there is none yet. */
  const points = new Uint16Array(BINS);
  const sums = new Float64Array((rgba.length / 4) * 3);
  const weights = new Float64Array(rgba.length / 4);
  let count = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    if ((rgba[at + 3] ?? 0) < VISIBLE_ALPHA_MIN) continue;
    const bin = binOf(rgba, at);
    if (points[bin] === 0) {
      count += 1;
      points[bin] = count;
    }
    const point = (points[bin] ?? 1) - 1;
    add(weights, point, 1);
    for (let channel = 0; channel < 3; channel += 1) add(sums, point * 3 + channel, rgba[at + channel] ?? 0);
  }
  for (let point = 0; point < count; point += 1) {
    const mean = (channel: number) => (sums[point * 3 + channel] ?? 0) / (weights[point] ?? 1);
    sums.set(toLab(mean(0), mean(1), mean(2)), point * 3);
  }
  return { labs: sums.subarray(0, count * 3), weights: weights.subarray(0, count) };
}

function binOf(rgba: Uint8Array, at: number): number {
  return (((rgba[at] ?? 0) >> 3) << 10) | (((rgba[at + 1] ?? 0) >> 3) << 5) | ((rgba[at + 2] ?? 0) >> 3);
}

function add(sums: Float64Array, at: number, value: number): void {
  sums[at] = (sums[at] ?? 0) + value;
}

/** k-means from seeds that depend on nothing but the picture, so that one picture always has one palette. */
function clustered(points: Points): Cluster[] {
  const { labs, weights } = points;
  let centres = seeds(points);
  for (let round = 0; round < ROUNDS; round += 1) {
    const sums = new Float64Array(centres.length * 4);
    for (let point = 0; point < weights.length; point += 1) {
      const sum = nearest(centres, labs, point) * 4;
      const weight = weights[point] ?? 0;
      for (let axis = 0; axis < 3; axis += 1) add(sums, sum + axis, (labs[point * 3 + axis] ?? 0) * weight);
      add(sums, sum + 3, weight);
    }
    centres = centres
      .map((_, at) => ({ weight: sums[at * 4 + 3] ?? 0, axis: (axis: 0 | 1 | 2) => sums[at * 4 + axis] ?? 0 }))
      .filter(({ weight }) => weight > 0)
      .map(({ weight, axis }) => ({ lab: [axis(0) / weight, axis(1) / weight, axis(2) / weight], weight }));
  }
  return centres;
}

/** The most frequent colour, then again and again the one that is frequent and far from all chosen. */
function seeds({ labs, weights }: Points): Cluster[] {
  const chosen: Cluster[] = [];
  const distances = new Float64Array(weights.length).fill(1);
  while (chosen.length < Math.min(COLOURS_MAX, weights.length)) {
    let best = 0;
    for (let point = 1; point < weights.length; point += 1) {
      if (score(point) > score(best)) best = point;
    }
    const lab = [labs[best * 3] ?? 0, labs[best * 3 + 1] ?? 0, labs[best * 3 + 2] ?? 0] as const;
    chosen.push({ lab, weight: weights[best] ?? 0 });
    for (let point = 0; point < weights.length; point += 1) {
      const distance = squaredTo(lab, labs, point);
      distances[point] = chosen.length === 1 ? distance : Math.min(distances[point] ?? 0, distance);
    }
  }
  return chosen;

  function score(point: number): number {
    return (weights[point] ?? 0) * (distances[point] ?? 0);
  }
}

function nearest(centres: readonly Cluster[], labs: Float64Array, point: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let at = 0; at < centres.length; at += 1) {
    const distance = squaredTo(centres[at]?.lab ?? [0, 0, 0], labs, point);
    if (distance >= least) continue;
    best = at;
    least = distance;
  }
  return best;
}

function squaredTo(lab: Lab, labs: Float64Array, point: number): number {
  const [l, a, b] = [labs[point * 3] ?? 0, labs[point * 3 + 1] ?? 0, labs[point * 3 + 2] ?? 0];
  return (lab[0] - l) ** 2 + (lab[1] - a) ** 2 + (lab[2] - b) ** 2;
}

/** Joins the nearest two until all are far enough apart to be told as two. */
function merged(clusters: readonly Cluster[]): Cluster[] {
  for (const [at, a] of clusters.entries()) {
    const other = clusters.findIndex((b, index) => index > at && squared(a.lab, b.lab) < DISTANCE_MIN ** 2);
    const b = clusters[other];
    if (b) return merged([...clusters.filter((each) => each !== a && each !== b), mean(a, b)]);
  }
  return [...clusters];
}

function mean(a: Cluster, b: Cluster): Cluster {
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
