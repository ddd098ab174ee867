import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FRAMES, PICTURES, type PictureName, photo } from '../../../../../scripts/make-pictures.ts';
import type { SourceFormat } from '../source.ts';
import { ByteSource } from './bytes.ts';
import { inspectContainer } from './container.ts';
import { recognise } from './signature.ts';

describe('a container', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-container-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const inspect = async (format: SourceFormat, bytes: Buffer) => {
    await writeFile(join(folder, 'file'), bytes);
    const source = await ByteSource.open(join(folder, 'file'));
    try {
      return await inspectContainer(format, source);
    } finally {
      await source.close();
    }
  };
  const kinds: readonly [PictureName, SourceFormat][] = [
    ['progressive-6mp', 'jpeg'],
    ['turned-with-gps', 'jpeg'],
    ['alpha', 'png'],
    ['animated', 'gif'],
    ['still', 'webp'],
    ['animated-film', 'webp'],
    ['modern', 'avif'],
  ];

  it.each(kinds)('that is whole has no fault: %s', async (name, format) => {
    const bytes = await PICTURES[name].make();
    expect(recognise(bytes)).toEqual({ kind: 'supported', format });
    expect((await inspect(format, bytes)).fault).toBeUndefined();
  });

  it.each(kinds)('that was cut anywhere is found to be: %s', async (name, format) => {
    const bytes = await PICTURES[name].make();
    const lengths = [14, 40, 0.1, 0.5, 0.9].map((part) => Math.floor(part < 1 ? bytes.length * part : part));
    for (const length of [...lengths, bytes.length - 1]) {
      const { fault } = await inspect(format, bytes.subarray(0, length));
      expect([length, fault?.code]).toEqual([length, 'truncated']);
    }
  });

  it.each(kinds)('may be followed by something else: %s', async (name, format) => {
    const bytes = await PICTURES[name].make();
    const tail = Buffer.from('\0\0\0\x18MotionPhoto_Data'.repeat(9_000));
    expect((await inspect(format, Buffer.concat([bytes, tail]))).fault).toBeUndefined();
  });

  it('of a GIF tells its frames, of a PNG its size, before any decoder looks', async () => {
    expect(await inspect('gif', await PICTURES.animated.make())).toEqual({ frames: FRAMES });
    const png = await photo(30, 20).png().toBuffer();
    expect((await inspect('png', png)).stored).toEqual({ width: 30, height: 20 });
  });

  it('of a TIFF tells its pages, and does not run in circles with them', async () => {
    const pages = await PICTURES.pages.make();
    expect(await inspect('tiff', pages)).toEqual({ frames: 3 });
    const big = await photo(30, 20).tiff({ bigtiff: true }).toBuffer();
    expect(await inspect('tiff', big)).toEqual({ frames: 1 });
    const first = pages.readUInt32LE(4);
    expect((await inspect('tiff', pages.subarray(0, first + 1))).fault?.code).toBe('truncated');
    pages.writeUInt32LE(first, first + 2 + 12 * pages.readUInt16LE(first));
    expect((await inspect('tiff', pages)).frames).toBeGreaterThan(1_000);
    pages.writeUInt32LE(0, 4);
    expect((await inspect('tiff', pages)).fault?.code).toBe('corrupt_header');
  });

  it('of a JPEG ends where its picture does, not where its thumbnail does', async () => {
    const bytes = await PICTURES['turned-with-gps'].make();
    const exif = Buffer.from([0xff, 0xe1, 0x00, 0x08, 1, 2, 3, 4, 0xff, 0xd9]);
    const cut = Buffer.concat([bytes.subarray(0, 2), exif, bytes.subarray(2, bytes.length - 2)]);
    expect((await inspect('jpeg', cut)).fault?.code).toBe('truncated');
  });
});

describe('a file is recognised by its content', () => {
  it.each([
    ['BMP', Buffer.concat([Buffer.from('BM'), Buffer.alloc(20)])],
    ['JPEG XL', Buffer.from('ff0a0000', 'hex')],
    ['PDF', Buffer.from('%PDF-1.7')],
    ['ZIP', Buffer.from('504b0304', 'hex')],
    ['HTML', Buffer.from('\n<!doctype html><html>')],
  ])('as %s, to say so', (name, bytes) => expect(recognise(bytes)).toMatchObject({ kind: 'known', name }));

  it('as SVG after declarations and comments, but not when SVG stands inside of HTML', () => {
    const svg = (text: string) => recognise(Buffer.from(text));
    const supported = { kind: 'supported', format: 'svg' };
    expect(svg('\ufeff<?xml version="1.0"?>\n<!-- <html> --><svg/>')).toEqual(supported);
    expect(svg('<s:svg xmlns:s="http://www.w3.org/2000/svg"/>')).toEqual(supported);
    expect(svg('<html><body><svg/></body></html>')).toMatchObject({ kind: 'known', name: 'HTML' });
    expect(svg('svg')).toBeUndefined();
  });
});
