import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { explanationSchema } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lumaOf, ssim } from '../../bench/support/ssim.ts';
import { expectImage, sendImage } from '../support/answers.ts';
import { finePicture } from '../support/fine-picture.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const SIDE = 512;
/** Neither side is a multiple of anything, so that tiles at the edges are cut at every scale. */
const PICTURE = { width: 6_707, height: 4_803 };

let node: Safelight;
let original: Buffer;
let id: string;
beforeAll(async () => {
  [node, original] = await Promise.all([
    Safelight.start({ env: { SAFELIGHT_WORKERS: '2', SAFELIGHT_WAIT_SECONDS: '15' } }),
    finePicture(PICTURE.width, PICTURE.height),
  ]);
  ({ id } = await expectImage(await sendImage(node, original, '?wait=30')));
});
afterAll(() => node.close());

interface Tile {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly factor: number;
}

/** As viewers cut the picture at a scale factor. */
function tilesAt(factor: number): Tile[] {
  const tiles: Tile[] = [];
  const step = SIDE * factor;
  for (let top = 0; top < PICTURE.height; top += step) {
    for (let left = 0; left < PICTURE.width; left += step) {
      const [width, height] = [Math.min(step, PICTURE.width - left), Math.min(step, PICTURE.height - top)];
      tiles.push({ left, top, width, height, factor });
    }
  }
  return tiles;
}

function sizeOf({ width, height, factor }: Tile): [number, number] {
  return [Math.ceil(width / factor), Math.ceil(height / factor)];
}

/** As a viewer, which asks again for what is not ready in the time that a request waits. */
async function fetchTile(tile: Tile): Promise<Buffer> {
  const { left, top, width, height } = tile;
  const path = `${left},${top},${width},${height}/${sizeOf(tile).join()}/0/default.jpg`;
  const response = await until(path, async () => {
    const answer = await fetch(`${node.url}/iiif/3/${id}/${path}`);
    return answer.status !== 503 && answer;
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.status, `${path} ${response.status === 200 ? '' : bytes}`).toBe(200);
  return bytes;
}

/** The same area of the original, by the library alone. */
function cut(tile: Tile): Promise<Buffer> {
  const { left, top, width, height } = tile;
  const [w, h] = sizeOf(tile);
  return sharp(original).extract({ left, top, width, height }).resize(w, h, { fit: 'fill' }).png().toBuffer();
}

/** The same as it is made where there is no pyramid: of the whole picture, which the decoder of JPEG itself reduces. */
async function withoutPyramid(tile: Tile): Promise<Buffer> {
  const [left, top] = [tile.left / tile.factor, tile.top / tile.factor];
  const [width, height] = sizeOf(tile);
  const [w, h] = [PICTURE.width, PICTURE.height].map((side) => Math.ceil(side / tile.factor));
  const whole = tile.factor === 1 ? sharp(original) : sharp(original).resize(w, h, { fit: 'fill' });
  return whole.extract({ left, top, width, height }).jpeg({ quality: 80 }).toBuffer();
}

async function likeness(a: Buffer, b: Buffer): Promise<number> {
  return ssim(await lumaOf(a), await lumaOf(b));
}

const keptPyramids = () =>
  withNodeDatabase(node, (database) =>
    database.query<{ object_key: string; tries: number }>('SELECT object_key, tries FROM pyramids'),
  );
const filesOf = async (kind: string) =>
  (await readdir(join(node.data, 'objects'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && join(entry.parentPath, entry.name).includes(`/${kind}/`))
    .map((entry) => join(entry.parentPath, entry.name));

describe('tiles of a large picture', () => {
  it('are made of one pyramid, however many are asked for at once, and joined are the picture', async () => {
    const factor = 4;
    const tiles = tilesAt(factor);
    const parts = await Promise.all(tiles.map(fetchTile));
    const placed = parts.map((input, index) => {
      const { left = 0, top = 0 } = tiles[index] ?? {};
      return { input, left: left / factor, top: top / factor };
    });
    // Without the last pixels, of which a tile at the edge has a part alone.
    const [width, height] = [Math.floor(PICTURE.width / factor), Math.floor(PICTURE.height / factor)];
    const create = { width: width + 1, height: height + 1, channels: 3, background: '#000' } as const;
    const joined = await sharp({ create }).composite(placed).png().toBuffer();
    const seen = await sharp(joined).extract({ left: 0, top: 0, width, height }).png().toBuffer();
    const all = { left: 0, top: 0, width: factor * width, height: factor * height, factor };
    expect(await likeness(seen, await cut(all))).toBeGreaterThan(0.98);
    expect(await keptPyramids()).toMatchObject([{ tries: 1 }]);
    expect(await filesOf('pyramid')).toHaveLength(1);
  });

  it.each([1, 2, 8])('look as if made of the original, at a scale of 1 : %d', async (factor) => {
    const tiles = tilesAt(factor);
    // In the middle and at the lower right edge, where what is left over is the narrowest.
    for (const tile of [tiles[Math.floor(tiles.length / 2)], tiles.at(-1)]) {
      if (!tile) continue;
      const [made, reference] = [await fetchTile(tile), await cut(tile)];
      const { width, height } = await sharp(made).metadata();
      expect([width, height]).toEqual(sizeOf(tile));
      const [seen, usual] = [await likeness(made, reference), await likeness(await withoutPyramid(tile), reference)];
      expect(seen, `${JSON.stringify(tile)}: ${seen}, and ${usual} of the original`).toBeGreaterThan(usual - 0.01);
    }
  });

  it('arrive while the original cannot be read, and are its when they are asked for without loss', async () => {
    const [path = ''] = await filesOf('original');
    await rename(path, `${path}-away`);
    const tile = { left: 512, top: 512, width: 777, height: 333, factor: 1 };
    expect(await likeness(await fetchTile(tile), await cut(tile))).toBeGreaterThan(0.9);
    await rename(`${path}-away`, path);
    const exact = await fetch(`${node.url}/iiif/3/${id}/512,512,777,333/max/0/default.png`);
    expect(await likeness(Buffer.from(await exact.arrayBuffer()), await cut(tile))).toBe(1);
  });

  it('are explained as what they are made of', async () => {
    const explained = async (query: string) => {
      const response = await node.fetch(`/v1/images/${id}/explain?${query}`);
      return explanationSchema.parse(await response.json());
    };
    const area = 'rect=1024,0,1024,1024&w=512';
    const [pyramid, original] = [await explained(`${area}&fm=jpg`), await explained(`${area}&fm=png`)];
    expect([pyramid.plan?.from, original.plan?.from]).toEqual(['pyramid', 'original']);
    expect(pyramid.predicted?.decodeCpuMs).toBeLessThan((original.predicted?.decodeCpuMs ?? 0) / 5);
  });

  it('are told of in the log, once, and leave nothing behind when the picture is deleted', async () => {
    const told = () =>
      withNodeDatabase(node, (database) =>
        database.query(`SELECT data FROM events WHERE type = 'pyramid.ready'
          UNION ALL SELECT data FROM event_inbox WHERE type = 'pyramid.ready'`),
      );
    expect(await told()).toMatchObject([{ data: { bytes: expect.any(Number), originalId: expect.any(String) } }]);
    expect((await node.fetch(`/v1/images/${id}`, { method: 'DELETE' })).status).toBe(200);
    await until('the objects are gone', async () => (await filesOf('pyramid')).length === 0);
    expect(await keptPyramids()).toEqual([]);
  });
});
