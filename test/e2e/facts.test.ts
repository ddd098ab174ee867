import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Image } from '@safelight/contract';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAMES } from '../../scripts/make-pictures.ts';
import { expectImage, sendImage } from '../support/answers.ts';
import { hostileExif } from '../support/exif.ts';
import { hostileFiles } from '../support/hostile.ts';
import { asSuperuser } from '../support/node-database.ts';
import { picture, smallPhoto, unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));
/** Somewhere in these words a position would show. */
const POSITION = '48.858';

let node: Safelight;
let located: Buffer;
beforeAll(async () => {
  located = await sharp(await smallPhoto())
    .withExif({
      IFD0: { Make: 'Agfa', Model: 'Isolette', Orientation: '1' },
      IFD2: { DateTimeOriginal: '2024:02:29 10:11:12', ISOSpeedRatings: '200', FNumber: '28/10' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '48/1 51/1 2959/100',
        GPSLongitudeRef: 'E',
        GPSLongitude: '2/1 17/1 4020/100',
      },
    })
    .jpeg()
    .toBuffer();
  node = await Safelight.start();
});
afterAll(() => node.close());

async function upload(bytes: Uint8Array, init: RequestInit = {}): Promise<Image> {
  return expectImage(await sendImage(node, bytes, '?wait=30', init));
}

async function look({ id }: Pick<Image, 'id'>): Promise<Image> {
  return expectImage(await node.fetch(`/v1/images/${id}`));
}

function tenantSet(...args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const { promise, resolve } = Promise.withResolvers<{ code: number; stderr: string }>();
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, SAFELIGHT_DATA: node.data };
  execFile(process.execPath, [BIN, 'tenant', 'set', ...args], { env }, (error, _stdout, stderr) =>
    resolve({ code: error ? Number(error.code) : 0, stderr }),
  );
  return promise;
}

/** The tables of the node's database in which the position can be read. */
async function tablesThatTell(position: string): Promise<string[]> {
  const tables = await asSuperuser(node, "SELECT tablename FROM pg_tables WHERE schemaname = 'safelight'");
  const telling: string[] = [];
  for (const { tablename } of tables) {
    const rows = await asSuperuser(node, `SELECT 1 FROM safelight.${tablename} t WHERE t::text LIKE $1`, [
      `%${position}%`,
    ]);
    if (rows.length > 0) telling.push(`${tablename}`);
  }
  return telling;
}

describe('the facts of an image', () => {
  it('are what its header and its pixels tell', async () => {
    const image = await upload(unlike(located));
    expect(image).toMatchObject({
      format: 'jpeg',
      width: 640,
      height: 480,
      orientation: 1,
      opaque: true,
      exif: { make: 'Agfa', model: 'Isolette', takenAt: '2024-02-29T10:11:12', iso: 200, fNumber: 2.8 },
    });
    expect(image.animation).toBeUndefined();
    expect(image.colours?.palette[0]).toBe(image.colours?.dominant);
    expect(Buffer.from(image.placeholders?.thumbhash ?? '', 'base64').length).toBeGreaterThan(5);
    expect(image.placeholders?.blurhash.length).toBe(28);
    expect(image.perceptualHash).toMatch(/^[0-9a-f]{16}$/);
    expect(await look(image)).toEqual(image);
    const list = await (await node.fetch('/v1/images?limit=1')).json();
    expect(list).toMatchObject({ images: [image] });
  });

  it('are those of the upright picture', async () => {
    const image = await upload(await picture('turned-with-gps'));
    expect(image).toMatchObject({ orientation: 6, width: 400, height: 600 });
    const thumb = Buffer.from(image.placeholders?.thumbhash ?? '', 'base64');
    // The bit that says whether it is wider than high.
    expect((thumb[4] ?? 0) >> 7).toBe(0);
  });

  it('tell how an animation plays', async () => {
    const [gif, webp] = [await upload(await picture('animated')), await upload(await picture('animated-film'))];
    const delays = (await sharp(await picture('animated')).metadata()).delay ?? [];
    const durationMs = delays.reduce((sum, delay) => sum + delay, 0);
    expect(durationMs).toBeGreaterThan(0);
    expect(gif.animation).toEqual({ frames: FRAMES, durationMs, loop: 0 });
    expect(webp.animation).toMatchObject({ frames: FRAMES, loop: 0 });
    const thrice = await sharp(await picture('animated'), { animated: true })
      .gif({ loop: 3 })
      .toBuffer();
    expect((await upload(thrice)).animation).toEqual({ frames: FRAMES, durationMs, loop: 3 });
  });

  it('of pixels are known at once when the same bytes come again', async () => {
    const first = await upload(located);
    const again = await expectImage(await sendImage(node, located));
    const { colours, placeholders, perceptualHash, opaque } = first;
    expect(again).toMatchObject({ colours, placeholders, perceptualHash, opaque });
    expect(again.id).not.toBe(first.id);
  });

  it('of pixels are not told of a picture that nobody can decode', async () => {
    const wrong = (await hostileFiles()).find(({ name }) => name === 'a PNG with a wrong checksum');
    const image = await upload(wrong?.bytes ?? Buffer.alloc(0));
    expect(image.state).toBe('failed');
    expect(image).not.toHaveProperty('placeholders');
    expect(image).not.toHaveProperty('colours');
  });

  it('hold no upload up, whatever stands in the EXIF data', async () => {
    for (const { name, bytes } of await hostileExif()) {
      const image = await upload(bytes);
      expect({ name, state: image.state, hasLooks: image.placeholders !== undefined }).toEqual({
        name,
        state: 'ready',
        hasLooks: true,
      });
      expect(await look(image)).toEqual(image);
    }
  });
});

describe('where a picture was taken', () => {
  it('is not kept, unless the tenant wants it', async () => {
    const image = await upload(unlike(located));
    expect(image.exif).toBeDefined();
    expect(image.exif).not.toHaveProperty('location');
    expect(await tablesThatTell(POSITION)).toEqual([]);
  });

  it('is kept from then on, and of pictures that are sent again, and goes again', async () => {
    const bytes = unlike(located);
    const before = await upload(bytes);
    expect(await tenantSet('demo', '--keep-location', 'on')).toMatchObject({ code: 0 });
    const headers = { 'idempotency-key': 'located' };
    const after = await upload(bytes, { headers });
    const location = { latitude: 48.8582194, longitude: 2.2945 };
    // The answer to an upload is kept for repeats; so it does not tell it.
    expect(after.exif).not.toHaveProperty('location');
    for (const image of [before, after]) expect((await look(image)).exif).toMatchObject({ location, make: 'Agfa' });
    expect(await tablesThatTell(POSITION)).toEqual(['locations']);

    expect(await tenantSet('demo', '--keep-location', 'off')).toMatchObject({ code: 0 });
    expect(await tablesThatTell(POSITION)).toEqual([]);
    expect((await look(after)).exif).not.toHaveProperty('location');
    expect((await look(await upload(bytes, { headers }))).exif).not.toHaveProperty('location');
    expect(await tablesThatTell(POSITION)).toEqual([]);
  });

  it('is asked of a tenant that there is, and with something to change', async () => {
    expect(await tenantSet('nobody', '--keep-location', 'on')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no tenant nobody'),
    });
    expect(await tenantSet('demo')).toMatchObject({ code: 2 });
    expect(await tenantSet('demo', '--keep-location', 'maybe')).toMatchObject({ code: 2 });
  });
});
