import type { SourceFormat } from '../source.ts';

/** How many bytes {@link recognise} wants: an SVG may open with a long comment. */
export const SIGNATURE_BYTES = 16 * 1024;

export type Recognised =
  | { readonly kind: 'supported'; readonly format: SourceFormat }
  /** A kind of file that is known but not decoded here; `name` is for the answer. */
  | { readonly kind: 'known'; readonly name: string; readonly picture: boolean };

const ascii = (bytes: Buffer, start: number, end: number): string => bytes.toString('latin1', start, end);

/** Whether the file begins with one of these bytes, written in hexadecimal. */
const begins =
  (...prefixes: readonly string[]) =>
  (head: Buffer): boolean =>
    prefixes.some((prefix) => head.toString('hex', 0, prefix.length / 2) === prefix);

const SIGNATURES: readonly { readonly matches: (head: Buffer) => boolean; readonly is: Recognised }[] = [
  supported('jpeg', begins('ffd8ff')),
  supported('png', begins('89504e470d0a1a0a')),
  supported('gif', (head) => /^GIF8[79]a/.test(ascii(head, 0, 6))),
  supported('webp', (head) => ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'WEBP'),
  supported('avif', (head) => brands(head).some((brand) => /^avi[fs]$/.test(brand))),
  supported('heic', (head) => brands(head).some((brand) => /^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand))),
  supported('tiff', begins('49492a00', '4d4d002a', '49492b00', '4d4d002b')),
  supported('svg', isSvg),
  known('BMP', true, (head) => ascii(head, 0, 2) === 'BM' && head.length > 14 && head.readUInt32LE(6) === 0),
  known('JPEG XL', true, begins('ff0a', '0000000c4a584c20')),
  known('JPEG 2000', true, begins('0000000c6a502020', 'ff4fff51')),
  known('ICO', true, begins('00000100', '00000200')),
  known('Photoshop', true, (head) => ascii(head, 0, 4) === '8BPS'),
  known('PDF', false, (head) => ascii(head, 0, 5) === '%PDF-'),
  known('ZIP', false, begins('504b0304', '504b0506')),
  known('gzip', false, begins('1f8b')),
  known('video', false, (head) => ascii(head, 4, 8) === 'ftyp' || begins('1a45dfa3')(head)),
  known('HTML', false, (head) => /^\s*<(!doctype html|html|head|body)\b/i.test(ascii(head, 0, 512))),
];

/** What a file is by its first {@link SIGNATURE_BYTES} bytes; names and media types given by an uploader do not count. */
export function recognise(head: Buffer): Recognised | undefined {
  return SIGNATURES.find((signature) => signature.matches(head))?.is;
}

function supported(format: SourceFormat, matches: (head: Buffer) => boolean) {
  return { matches, is: { kind: 'supported', format } } as const;
}

function known(name: string, picture: boolean, matches: (head: Buffer) => boolean) {
  return { matches, is: { kind: 'known', name, picture } } as const;
}

/** Major and compatible brands of an ISO base media file (ISO/IEC 14496-12, section 4.3). */
function brands(head: Buffer): string[] {
  if (ascii(head, 4, 8) !== 'ftyp') return [];
  const end = Math.min(head.readUInt32BE(0), head.length, 256);
  const found = [ascii(head, 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) found.push(ascii(head, at, at + 4));
  return found;
}

/** XML whose first element is `svg`, after declarations and comments. */
function isSvg(head: Buffer): boolean {
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  if (!/^\s*</.test(text)) return false;
  const element = /<([a-z_][\w.-]*:)?([a-z_][\w.-]*)/i.exec(text.replace(/<!--[\s\S]*?(-->|$)/g, ''));
  return element?.[2] === 'svg';
}
