import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { picture, smallPhoto } from './pictures.ts';

const TEXT_TYPE = 2;
const MAKE = 0x010f;

/** Sound pictures whose EXIF data nobody wrote in good faith. */
export async function hostileExif(): Promise<{ readonly name: string; readonly bytes: Buffer }[]> {
  const jpeg = await smallPhoto();
  const png = await picture('alpha');
  const longest = 65_533 - 8;
  const every = tiff(Array.from({ length: 5_000 }, () => entry(MAKE, TEXT_TYPE, 2 ** 32 - 1, 8)));
  const blocks: Record<string, Buffer> = {
    'nothing in it': Buffer.alloc(0),
    'a prefix alone': Buffer.from('II*\0'),
    noise: randomBytes(longest),
    'noise behind a header': Buffer.concat([Buffer.from('II*\0\x08\0\0\0'), randomBytes(60_000)]),
    'a directory past the end': Buffer.from('II*\0\xff\xff\xff\x7f', 'latin1'),
    'a directory that is its own': tiff([entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8)]),
    '5000 entries of 4 GB each': every,
    'a text with NULs': tiff([entry(MAKE, TEXT_TYPE, 12, 26)], Buffer.from('A\0B\0C\0\0\0D\0E\0')),
    'a text of controls and halves': tiff(
      [entry(MAKE, TEXT_TYPE, 12, 26)],
      Buffer.from('411b5d30073bedb0804100e2', 'hex'),
    ),
    'a text of 60 kB': tiff([entry(MAKE, TEXT_TYPE, 60_000, 26)], Buffer.alloc(60_000, 'x')),
  };
  return [
    ...Object.entries(blocks).map(([name, block]) => ({ name, bytes: withExif(jpeg, block) })),
    { name: 'a PNG with 4 MB of it', bytes: withExifChunk(png, Buffer.concat([every, Buffer.alloc(4e6, 1)])) },
  ];
}

/** A little-endian block of one directory at 8; what follows it begins at 8 + 2 + 12 × entries + 4. */
function tiff(entries: readonly Buffer[], rest: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.from('II*\0\x08\0\0\0\0\0');
  head.writeUInt16LE(entries.length, 8);
  return Buffer.concat([head, ...entries, Buffer.alloc(4), rest]);
}

function entry(tag: number, type: number, count: number, value: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16LE(tag);
  bytes.writeUInt16LE(type, 2);
  bytes.writeUInt32LE(count, 4);
  bytes.writeUInt32LE(value, 8);
  return bytes;
}

/** As the first segment of a JPEG. */
function withExif(jpeg: Buffer, block: Buffer): Buffer {
  const head = Buffer.from('ffe100004578696600000000'.slice(0, 20), 'hex');
  head.writeUInt16BE(8 + block.length, 2);
  return Buffer.concat([jpeg.subarray(0, 2), head, block, jpeg.subarray(2)]);
}

/** As the chunk behind a PNG's header. */
function withExifChunk(png: Buffer, block: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from('eXIf'), block]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(block.length);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}
