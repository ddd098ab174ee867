import { crc32, deflateSync } from 'node:zlib';
import { picture, smallPhoto } from './pictures.ts';

/** Files that nobody sends in good faith, or that broke on their way; made here, the same on every run. */
export async function hostileFiles(): Promise<{ readonly name: string; readonly bytes: Buffer }[]> {
  const jpeg = await smallPhoto();
  const png = await picture('alpha');
  const gif = await picture('animated');
  const avif = await picture('modern');
  const webp = await picture('still');
  const half = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2));
  const files: Record<string, Buffer> = {
    'nothing at all': Buffer.alloc(0),
    'one byte': Buffer.from([0xff]),
    'a text': Buffer.from('Once upon a time there was a picture.'),
    'a page of HTML': Buffer.from('<!DOCTYPE html><script>alert(1)</script>'),
    'a ZIP archive': Buffer.from('504b03041400000008000000000000000000', 'hex'),
    'a program': Buffer.from(`7f454c46020101${'00'.repeat(64)}`, 'hex'),
    'a PDF': Buffer.from('%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n'),
    'a TIFF': Buffer.concat([Buffer.from('49492a0008000000', 'hex'), Buffer.alloc(64)]),
    'a BMP': Buffer.concat([Buffer.from('BM'), Buffer.alloc(64)]),
    'a HEIC': Buffer.concat([Buffer.from('0000001c66747970686569630000000068656963', 'hex'), Buffer.alloc(64)]),
    'half a JPEG': half(jpeg),
    'the first bytes of a JPEG': jpeg.subarray(0, 100),
    'half a PNG': half(png),
    'half a GIF': half(gif),
    'half a WebP': half(webp),
    'half an AVIF': half(avif),
    'a JPEG with wrong pixels in its middle': spoil(jpeg),
    'a PNG with a wrong checksum': spoil(png),
    'a GIF with wrong bytes in its middle': spoil(gif),
    'a WebP with wrong bytes in its middle': spoil(webp),
    'an AVIF with wrong bytes in its middle': spoil(avif),
    'a strip of 1 × 60000 pixels': pngOf(1, 60_000),
    'a strip of 60000 × 1 pixels': pngOf(60_000, 1),
    'a PNG of 20000 × 20000 pixels in a few kilobytes': pngOf(20_000, 20_000, 100),
    'a PNG that claims 2147483647 pixels a side': pngOf(2 ** 31 - 1, 2 ** 31 - 1, 1),
    'a PNG of no width': pngOf(0, 10, 1),
    'a JPEG that claims 65535 × 65535 pixels': claimSize(jpeg, 65_535, 65_535),
    'a JPEG that claims more lines than it has': claimSize(jpeg, 640, 4_800),
    'a GIF of 20000 frames': gifOf(20_000),
    'an SVG with entities': svg('&boom;', '<!DOCTYPE svg [<!ENTITY boom "boom">]>'),
    'an SVG that reads a file': svg('<image href="file:///etc/passwd" width="9" height="9"/>'),
    'an SVG that asks the network': svg('<image href="http://127.0.0.1:9/x.png" width="9" height="9"/>'),
    'an SVG with a script': svg('<script>alert(1)</script><rect width="9" height="9"/>'),
    'an SVG of a million pixels a side': svg('<rect width="9" height="9"/>', '', 'width="1000000" height="1000000"'),
    'an SVG that is cut off': half(Buffer.from(svg('<rect width="9" height="9"/>'))),
    'an SVG that doubles itself thirty times': svg(doublings(30)),
  };
  return Object.entries(files).map(([name, bytes]) => ({ name, bytes }));
}

/** The same with its middle overwritten. */
function spoil(picture: Buffer): Buffer {
  const spoiled = Buffer.from(picture);
  const middle = Math.floor(spoiled.length / 2);
  return spoiled.fill(0xff, middle, middle + 64);
}

/** A grey PNG whose header tells the size, and whose data has `rows` rows, all of them unless told otherwise. */
function pngOf(width: number, height: number, rows = height): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const row = Buffer.alloc(1 + Math.min(width, 100_000));
  const data = deflateSync(Buffer.concat(Array.from({ length: rows }, () => row)));
  const chunks = [pngChunk('IHDR', header), pngChunk('IDAT', data), pngChunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** The JPEG with another size in its frame header (ITU-T T.81, B.2.2). */
function claimSize(jpeg: Buffer, width: number, height: number): Buffer {
  const claimed = Buffer.from(jpeg);
  const frame = Math.max(claimed.indexOf(Buffer.from('ffc0', 'hex')), claimed.indexOf(Buffer.from('ffc2', 'hex')));
  claimed.writeUInt16BE(height, frame + 5);
  claimed.writeUInt16BE(width, frame + 7);
  return claimed;
}

/** A GIF of frames of one pixel each. */
function gifOf(frames: number): Buffer {
  const head = Buffer.concat([Buffer.from('GIF89a'), Buffer.from('01000100800000000000ffffff', 'hex')]);
  const frame = Buffer.from('2c00000000010001000002024401 00'.replaceAll(' ', ''), 'hex');
  return Buffer.concat([head, ...Array.from({ length: frames }, () => frame), Buffer.from('3b', 'hex')]);
}

function svg(content: string, before = '', size = 'width="100" height="100"'): Buffer {
  return Buffer.from(`${before}<svg xmlns="http://www.w3.org/2000/svg" ${size}>${content}</svg>`);
}

/** Each group draws the one before it twice. */
function doublings(count: number): string {
  const groups = Array.from(
    { length: count },
    (_, index) => `<g id="g${index + 1}"><use href="#g${index}"/><use href="#g${index}" x="1"/></g>`,
  );
  return `<defs><rect id="g0" width="9" height="9"/>${groups.join('')}</defs><use href="#g${count}"/>`;
}
