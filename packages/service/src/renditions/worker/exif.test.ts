import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { headerFactsSchema } from '../header.ts';
import { HEADER_TEXT_CHARACTERS_MAX } from '../header-bounds.ts';
import { readExif } from './exif.ts';

/** An entry of a directory: tag, type, and values as they stand in the file, little-endian. */
interface Entry {
  readonly tag: number;
  readonly type: number;
  readonly count: number;
  /** Four bytes in the entry itself, or more behind the directories. */
  readonly value: Buffer;
}

const SHORT = (tag: number, value: number): Entry => ({ tag, type: 3, count: 1, value: u16(value) });
const TEXT = (tag: number, value: string | Buffer): Entry => {
  const bytes = Buffer.concat([Buffer.from(value), Buffer.alloc(1)]);
  return { tag, type: 2, count: bytes.length, value: bytes };
};
const RATIONALS = (tag: number, ...ratios: readonly (readonly [number, number])[]): Entry => ({
  tag,
  type: 5,
  count: ratios.length,
  value: Buffer.concat(ratios.flatMap(([over, under]) => [u32(over), u32(under)])),
});

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** An EXIF block of a main, an EXIF and a GPS directory. */
function exifOf({
  main = [],
  exif = [],
  gps = [],
}: Partial<Record<'main' | 'exif' | 'gps', readonly Entry[]>>): Buffer {
  const pointer = (tag: number, at: number): Entry => ({ tag, type: 4, count: 1, value: u32(at) });
  const bytesOf = (entries: readonly Entry[]) => 2 + entries.length * 12 + 4;
  const exifAt = 8 + 2 + (main.length + 2) * 12 + 4;
  const gpsAt = exifAt + bytesOf(exif);
  const directories = [[...main, pointer(0x8769, exifAt), pointer(0x8825, gpsAt)], exif, gps];
  let restAt = gpsAt + bytesOf(gps);
  const rest: Buffer[] = [];
  const written = directories.flatMap((entries) => [
    u16(entries.length),
    ...entries.map(({ tag, type, count, value }) => {
      const isInside = value.length <= 4;
      const place = isInside ? Buffer.concat([value, Buffer.alloc(4 - value.length)]) : u32(restAt);
      if (!isInside) {
        rest.push(value);
        restAt += value.length;
      }
      return Buffer.concat([u16(tag), u16(type), u32(count), place]);
    }),
    u32(0),
  ]);
  return Buffer.concat([Buffer.from('Exif\0\0'), Buffer.from('II*\0'), u32(8), ...written, ...rest]);
}

const PARIS = [
  TEXT(1, 'N'),
  RATIONALS(2, [48, 1], [51, 1], [2959, 100]),
  TEXT(3, 'E'),
  RATIONALS(4, [2, 1], [17, 1], [402, 10]),
];

describe('the EXIF data of a picture', () => {
  it.each(['jpeg', 'png', 'webp', 'avif'] as const)(
    'are read out of %s as another library wrote them',
    async (format) => {
      const picture = sharp({ create: { width: 64, height: 48, channels: 3, background: '#a31' } }).withExif({
        IFD0: { Make: 'Agfa', Model: 'Isolette' },
        IFD2: {
          ExposureTime: '1/250',
          FNumber: '28/10',
          ISOSpeedRatings: '200',
          DateTimeOriginal: '2024:02:29 10:11:12',
          OffsetTimeOriginal: '+02:00',
          FocalLength: '50/1',
          FocalLengthIn35mmFilm: '75',
          Flash: '1',
          LensModel: 'Apotar 85 mm',
        },
        IFD3: {
          GPSLatitudeRef: 'S',
          GPSLatitude: '33/1 51/1 2435/100',
          GPSLongitudeRef: 'E',
          GPSLongitude: '151/1 12/1 3436/100',
          GPSAltitude: '35/1',
        },
      });
      const { exif = Buffer.alloc(0) } = await sharp(await picture.toFormat(format).toBuffer()).metadata();
      expect(readExif(exif)).toEqual({
        exif: {
          make: 'Agfa',
          model: 'Isolette',
          lens: 'Apotar 85 mm',
          takenAt: '2024-02-29T10:11:12+02:00',
          exposureSeconds: 0.004,
          fNumber: 2.8,
          iso: 200,
          focalLengthMm: 50,
          focalLength35Mm: 75,
          flashFired: true,
        },
        location: { latitude: -33.8567639, longitude: 151.2095444, altitudeMetres: 35 },
      });
    },
  );

  it('are read in either byte order, and without the prefix that only JPEG and WebP have', () => {
    const bigEndian = Buffer.from('4d4d002a00000008' + '0001' + '010f000200000003' + '41470000' + '00000000', 'hex');
    expect(readExif(bigEndian)).toEqual({ exif: { make: 'AG' } });
    expect(readExif(exifOf({ main: [TEXT(0x010f, 'AG')] }).subarray(6))).toEqual({ exif: { make: 'AG' } });
  });

  it('put what lies under the sea under it, and west and south below zero', () => {
    const gps = [TEXT(1, 'S'), ...PARIS.slice(1, 2), TEXT(3, 'W'), ...PARIS.slice(3), RATIONALS(6, [90, 1])];
    const depth = { tag: 5, type: 1, count: 1, value: Buffer.from([1]) };
    expect(readExif(exifOf({ gps: [...gps, depth] })).location).toEqual({
      latitude: -48.8582194,
      longitude: -2.2945,
      altitudeMetres: -90,
    });
  });

  it.each<[string, Entry[]]>([
    ['no hemisphere', [PARIS[1], PARIS[3]].flatMap((entry) => entry ?? [])],
    ['91 degrees north', [TEXT(1, 'N'), RATIONALS(2, [91, 1], [0, 1], [0, 1]), ...PARIS.slice(2)]],
    ['a share of nothing', [TEXT(1, 'N'), RATIONALS(2, [1, 0], [0, 1], [0, 1]), ...PARIS.slice(2)]],
    ['a latitude alone', PARIS.slice(0, 2)],
  ])('tell no place of %s', (_what, gps) => {
    expect(readExif(exifOf({ gps }))).toEqual({});
    expect(readExif(exifOf({ gps: PARIS })).location).toEqual({ latitude: 48.8582194, longitude: 2.2945 });
  });

  it.each([
    ['0000:00:00 00:00:00', undefined],
    ['2023:02:29 10:00:00', undefined],
    ['2024:02:29 24:00:00', undefined],
    ['    :  :     :  :  ', undefined],
    ['2024:02:29 10:11:12', '2024-02-29T10:11:12'],
  ])('tell the time %j as %j', (written, told) => {
    expect(readExif(exifOf({ exif: [TEXT(0x9003, written)] })).exif?.takenAt).toBe(told);
  });

  it('tell texts in one line, short, without what cannot be stored or would turn the page around', () => {
    const make = (written: string | Buffer) => readExif(exifOf({ main: [TEXT(0x010f, written)] })).exif?.make;
    expect(make('  Leica\tCamera\r\nAG  ')).toBe('Leica Camera AG');
    expect(make('Leica\0\0hidden')).toBe('Leica');
    expect(make('abc\u202egnp.exe')).toBe('abc gnp.exe');
    expect(make('Größe 写真')).toBe('Größe 写真');
    expect(make(Buffer.from('Größe', 'latin1'))).toBe('Größe');
    expect(make('\0')).toBeUndefined();
    expect(make('x'.repeat(60_000))).toBe('x'.repeat(HEADER_TEXT_CHARACTERS_MAX));
    // 63 units, then a pair of two: the pair does not fit.
    expect(make(`${'x'.repeat(63)}📷`)).toBe('x'.repeat(63));
    // 300 bytes: the reader's window ends inside a character.
    expect(make('é'.repeat(150))).toBe('é'.repeat(HEADER_TEXT_CHARACTERS_MAX));
  });

  it('tell no number of the wrong kind', () => {
    const iso = (entry: Entry) => readExif(exifOf({ exif: [entry] })).exif?.iso;
    expect(iso(SHORT(0x8827, 400))).toBe(400);
    expect(iso(RATIONALS(0x8827, [3, 2]))).toBeUndefined();
    expect(iso(SHORT(0x8827, 0))).toBeUndefined();
    expect(iso(TEXT(0x8827, '400'))).toBeUndefined();
    expect(iso({ tag: 0x8827, type: 77, count: 1, value: u16(400) })).toBeUndefined();
  });
});

describe('EXIF data of somebody who wants harm', () => {
  it('are always of the shape that is stored, whatever their bytes', () => {
    const honest = exifOf({
      main: [TEXT(0x010f, 'Agfa'), TEXT(0x0110, 'Isolette')],
      exif: [RATIONALS(0x829a, [1, 250]), SHORT(0x8827, 200), TEXT(0x9003, '2024:02:29 10:11:12')],
      gps: PARIS,
    });
    const spoilt = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { maxLength: 24 }).map((changes) => {
      const bytes = Buffer.from(honest);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
    const any = fc
      .uint8Array({ maxLength: 400 })
      .map((bytes) => Buffer.concat([Buffer.from('II*\0\x08\0\0\0'), bytes]));
    const cut = fc.nat(honest.length).map((end) => honest.subarray(0, end));
    fc.assert(
      fc.property(fc.oneof(spoilt, any, cut), (block) => {
        const facts = readExif(block);
        // By way of JSON, as it goes to the supervisor and into the database.
        expect(headerFactsSchema.parse(JSON.parse(JSON.stringify(facts)))).toEqual(facts);
      }),
      { numRuns: 20_000 },
    );
  });

  it('cost no more time and memory for saying that there is much of them', () => {
    // Every entry claims 2³² values, all of them the whole block; a reader that unfolds them needs gigabytes.
    const entry = Buffer.concat([u16(0x010e), u16(2), u32(2 ** 32 - 1), u32(0)]);
    const bomb = Buffer.concat([
      Buffer.from('II*\0'),
      u32(8),
      u16(65_535),
      ...Array.from({ length: 65_535 }, () => entry),
    ]);
    const before = process.cpuUsage();
    for (let round = 0; round < 100; round += 1) readExif(bomb);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1_000 / 100).toBeLessThan(0.5);
  });

  it('do not send the reader around in circles', () => {
    const circle = exifOf({ main: [{ tag: 0x010e, type: 4, count: 1, value: u32(8) }] });
    // The EXIF directory and the GPS directory are the main one.
    circle.writeUInt32LE(8, 6 + 8 + 2 + 12 + 8);
    circle.writeUInt32LE(8, 6 + 8 + 2 + 24 + 8);
    expect(readExif(circle)).toEqual({});
  });
});
