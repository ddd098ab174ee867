import sharp from 'sharp';
import { finePicture } from '../test/support/fine-picture.ts';
import { withNodeDatabase } from '../test/support/node-database.ts';
import { Safelight } from '../test/support/safelight.ts';
import { allowUnsigned } from '../test/support/url-keys.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { numberOption } from './support/number-option.ts';
import { idle, upload } from './support/safelight-stand.ts';
import { median, quantile } from './support/statistics.ts';

/**
 * What the pyramid of a large picture is worth: tiles of 512 pixels at several scales, each asked for when nothing else
 * is done, and two dozen at once as a viewer does that opens the picture; wall-clock time, and CPU of the whole group.
 * Of JPEG q85 a tile is made of the pyramid, of q86 by the same way from the original.
 *
 *     node bench/tiles.ts [--progressive] [--tiles 40] [--megapixels 100]
 */
const SIDE = 512;
const FACTORS = [1, 2, 4, 8];
const AT_ONCE = 24;
const [WITH, WITHOUT] = [85, 86];

const tiles = numberOption('--tiles', 40);
const height = Math.floor(Math.sqrt((numberOption('--megapixels', 100) * 1e6) / 1.5));
const width = Math.floor(1.5 * height);
const isProgressive = process.argv.includes('--progressive');
const baseline = await finePicture(width, height);
const picture = isProgressive ? await sharp(baseline).jpeg({ quality: 90, progressive: true }).toBuffer() : baseline;
const safelight = await Safelight.start({ env: { SAFELIGHT_WAIT_SECONDS: '60' } });
try {
  await allowUnsigned(safelight, 'demo', 'open');
  console.log(
    `${width} × ${height} pixels, ${isProgressive ? 'progressive' : 'baseline'} JPEG of ${megabytes(picture.length)}\n`,
  );
  const original = await measure(WITHOUT);
  const pyramid = await measure(WITH);
  console.log('                              original    pyramid      ratio');
  line('first tile, ms', original.first.wallMs, pyramid.first.wallMs);
  line('first tile, CPU ms', original.first.cpuMs, pyramid.first.cpuMs);
  line('a later tile, median ms', median(original.wallMs), median(pyramid.wallMs));
  line('a later tile, p95 ms', quantile(original.wallMs, 0.95), quantile(pyramid.wallMs, 0.95));
  line('a later tile, mean CPU ms', mean(original.cpuMs), mean(pyramid.cpuMs));
  line(`${AT_ONCE} at once, ms`, original.burst.wallMs, pyramid.burst.wallMs);
  line(`${AT_ONCE} at once, CPU ms`, original.burst.cpuMs, pyramid.burst.cpuMs);
  const [row] = await withNodeDatabase(safelight, (database) =>
    database.query<{ bytes: number }>(`SELECT bytes FROM pyramids WHERE state = 'ready' LIMIT 1`),
  );
  console.log(
    `\nkept: ${megabytes(row?.bytes ?? 0)}, ${((row?.bytes ?? 0) / picture.length).toFixed(2)} of the original`,
  );
} finally {
  await safelight.close();
}

/** The same tiles in one quality, of an image of its own for those one by one, and of another for those at once. */
async function measure(quality: number) {
  const one = await fresh(`one ${quality}`);
  const wallMs: number[] = [];
  const cpuMs: number[] = [];
  for (const tile of choose(tiles + 1)) {
    const took = await spent(() => fetchTile(one, tile, quality));
    wallMs.push(took.wallMs);
    cpuMs.push(took.cpuMs);
    await idle(safelight);
  }
  const many = await fresh(`many ${quality}`);
  const burst = await spent(async () => {
    await Promise.all(choose(AT_ONCE).map((tile) => fetchTile(many, tile, quality)));
    await idle(safelight);
  });
  return { first: { wallMs: wallMs.shift() ?? 0, cpuMs: cpuMs.shift() ?? 0 }, wallMs, cpuMs, burst };
}

/** The picture once more, with nothing made of it but the presets. */
async function fresh(name: string): Promise<string> {
  const image = await upload(safelight, Buffer.concat([picture, Buffer.from(`\0${name}`)]));
  await idle(safelight);
  return image.id;
}

interface Tile {
  readonly x: number;
  readonly y: number;
  /** Pixels of the original. */
  readonly side: number;
}

/** As many of all tiles at all scales, from everywhere, in an order that no cache likes. */
function choose(count: number): Tile[] {
  const all = FACTORS.flatMap((factor) => {
    const side = SIDE * factor;
    const [columns, rows] = [Math.floor(width / side), Math.floor(height / side)];
    return Array.from({ length: columns * rows }, (_, at) => ({
      x: (at % columns) * side,
      y: Math.floor(at / columns) * side,
      side,
    }));
  });
  const golden = (Math.sqrt(5) - 1) / 2;
  return Array.from(
    { length: count },
    (_, index) => all[Math.floor((((index + 1) * golden) % 1) * all.length)] ?? all[0],
  ).filter((tile) => tile !== undefined);
}

async function fetchTile(imageId: string, { x, y, side }: Tile, quality: number): Promise<void> {
  const query = `fit=scale&fm=jpg&h=${SIDE}&q=${quality}&rect=${x},${y},${side},${side}&w=${SIDE}`;
  for (;;) {
    const response = await fetch(`${safelight.url}/i/demo/${imageId}?${query}`);
    const body = await response.text();
    if (response.ok) return;
    // The time that a request waits is over: a viewer asks again, too.
    if (response.status !== 503) throw new Error(`${query} was answered ${response.status}: ${body}`);
  }
}

async function spent(work: () => Promise<unknown>): Promise<{ wallMs: number; cpuMs: number }> {
  const pid = safelight.process.pid ?? 0;
  const [wall, cpu] = [performance.now(), groupCpuMs(pid)];
  await work();
  return { wallMs: performance.now() - wall, cpuMs: groupCpuMs(pid) - cpu };
}

function line(what: string, original: number, pyramid: number): void {
  const cells = [original.toFixed(0), pyramid.toFixed(0), (pyramid / original).toFixed(3)];
  console.log(what.padEnd(28) + cells.map((cell) => cell.padStart(11)).join(''));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
