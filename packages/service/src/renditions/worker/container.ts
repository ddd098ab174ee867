import type { SourceFormat } from '../source.ts';
import type { ByteSource } from './bytes.ts';

/**
 * Whether a file is whole, by its container alone: a picture that was cut off on its way must never pass as good, and
 * some decoders (GIF's) say nothing. What follows a proper end is tolerated: telephones append films and depth maps.
 */
export interface Container {
  readonly fault?: { readonly code: 'truncated' | 'corrupt_header'; readonly message: string };
  /** Only where walking the container tells it before the library would have to. */
  readonly frames?: number;
  readonly stored?: { readonly width: number; readonly height: number };
}

export async function inspectContainer(format: SourceFormat, source: ByteSource): Promise<Container> {
  return (await INSPECTORS[format]?.(source)) ?? {};
}

const INSPECTORS: Readonly<Partial<Record<SourceFormat, (source: ByteSource) => Promise<Container>>>> = {
  jpeg: inspectJpeg,
  png: inspectPng,
  gif: inspectGif,
  webp: inspectWebp,
  tiff: inspectTiff,
  avif: inspectBoxes,
  heic: inspectBoxes,
};

const truncated = (message: string): Container => ({ fault: { code: 'truncated', message } });
const corrupt = (message: string): Container => ({ fault: { code: 'corrupt_header', message } });

/** ITU-T T.81, annex B: segments up to the first scan; after it an end marker, which entropy-coded data cannot hold. */
async function inspectJpeg(source: ByteSource): Promise<Container> {
  let at = 2;
  for (;;) {
    const head = await source.read(at, 4);
    if (head.length < 4) return truncated('the JPEG ends before its picture begins');
    const marker = head.readUInt16BE(0);
    if (marker === 0xffff) at += 1;
    else if (marker === 0xffda) break;
    else if (marker === 0xffd9) return corrupt('the JPEG holds no picture');
    else if (marker < 0xff01) return corrupt('the JPEG has bytes between its segments');
    else at += marker === 0xff01 || (marker >= 0xffd0 && marker <= 0xffd8) ? 2 : 2 + Math.max(2, head.readUInt16BE(2));
  }
  const end = await source.lastIndexOf(Buffer.from([0xff, 0xd9]), at);
  return end < 0 ? truncated('the JPEG has no end: part of it is missing') : {};
}

const PNG_END = Buffer.from('0000000049454e44ae426082', 'hex');

/** W3C PNG, section 5: IHDR comes first, IEND last. */
async function inspectPng(source: ByteSource): Promise<Container> {
  const head = await source.read(0, 33);
  if (head.length < 33) return truncated('the PNG ends inside its header');
  if (head.toString('latin1', 12, 16) !== 'IHDR') return corrupt('the PNG does not begin with its header');
  const stored = { width: head.readUInt32BE(16), height: head.readUInt32BE(20) };
  if (stored.width === 0 || stored.height === 0) return corrupt('the PNG has a side of 0 pixels');
  const end = await source.lastIndexOf(PNG_END, 33);
  return { stored, ...(end < 0 && truncated('the PNG has no end: part of it is missing')) };
}

/** GIF89a, appendix B: blocks of sub-blocks up to a trailer; frames are the image descriptors. */
async function inspectGif(source: ByteSource): Promise<Container> {
  const head = await source.read(0, 13);
  if (head.length < 13) return truncated('the GIF ends inside its header');
  let at = 13 + colourTableBytes(head[10] ?? 0);
  let frames = 0;
  for (;;) {
    // Without a wait where the window holds the byte: a walk of 20,000 frames would be mostly waits.
    const introducer = source.peek(at) ?? (await source.byte(at));
    if (introducer === undefined) return truncated('the GIF has no end: part of it is missing');
    if (introducer === 0x3b) break;
    if (introducer === 0x2c) {
      frames += 1;
      const flags = source.peek(at + 9) ?? (await source.byte(at + 9)) ?? 0;
      at = await afterSubBlocks(source, at + 11 + colourTableBytes(flags));
    } else if (introducer === 0x21) at = await afterSubBlocks(source, at + 2);
    else if (introducer === 0) at += 1;
    else return corrupt('the GIF holds a block of an unknown kind');
  }
  return frames === 0 ? corrupt('the GIF holds no picture') : { frames };
}

function colourTableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

async function afterSubBlocks(source: ByteSource, start: number): Promise<number> {
  let at = start;
  for (;;) {
    // A wait per sub-block of 255 bytes would cost more than the walk.
    const length = source.peek(at) ?? (await source.byte(at));
    if (length === undefined) return at;
    at += length + 1;
    if (length === 0) return at;
  }
}

/** RFC 9649, section 2.4: the RIFF header tells the length. */
async function inspectWebp(source: ByteSource): Promise<Container> {
  const head = await source.read(0, 12);
  const bytes = head.length < 12 ? undefined : head.readUInt32LE(4) + 8;
  return bytes === undefined || bytes > source.size
    ? truncated('the WebP is shorter than it says: part of it is missing')
    : {};
}

const BOX_TYPES: ReadonlySet<string> = new Set(['ftyp', 'meta', 'mdat', 'moov', 'moof', 'free', 'skip', 'uuid']);

/** ISO/IEC 14496-12, section 4.2: top-level boxes, each with its length; a picture needs `meta`, and most have `mdat`. */
async function inspectBoxes(source: ByteSource): Promise<Container> {
  let at = 0;
  let meta = false;
  while (at < source.size) {
    const head = await source.read(at, 16);
    const type = head.toString('latin1', 4, 8);
    // What is no box after the picture is something that was appended.
    if (!BOX_TYPES.has(type)) break;
    const short = head.readUInt32BE(0);
    const bytes = short === 1 && head.length === 16 ? Number(head.readBigUInt64BE(8)) : short || source.size - at;
    if (bytes < 8) return corrupt('the file holds a box of no length');
    at += bytes;
    meta ||= type === 'meta';
  }
  return meta && at <= source.size ? {} : truncated('the file is shorter than its boxes say: part of it is missing');
}

/** Pages that are counted: more than any bound, so that a chain of directories that runs in a circle crosses one. */
const PAGES_COUNTED_MAX = 100_000;

/** TIFF 6.0, section 2, and BigTIFF: a chain of directories, each of entries of one length. Their contents are the decoder's. */
async function inspectTiff(source: ByteSource): Promise<Container> {
  const head = await source.read(0, 16);
  if (head.length < 16) return truncated('the TIFF ends inside its header');
  const isBigEndian = head.toString('latin1', 0, 2) === 'MM';
  const isBig = (isBigEndian ? head.readUInt16BE(2) : head.readUInt16LE(2)) === 43;
  const { countBytes, entryBytes, offsetBytes } = isBig
    ? { countBytes: 8, entryBytes: 20, offsetBytes: 8 }
    : { countBytes: 2, entryBytes: 12, offsetBytes: 4 };
  const read = async (at: number, bytes: number) => {
    const field = await source.read(at, bytes);
    if (field.length < bytes) return undefined;
    // Beyond 48 bits no file reaches.
    const low = Math.min(bytes, 6);
    return isBigEndian ? field.readUIntBE(bytes - low, low) : field.readUIntLE(0, low);
  };
  let at = await read(isBig ? 8 : 4, offsetBytes);
  let frames = 0;
  while (at !== 0 && frames < PAGES_COUNTED_MAX) {
    const entries = at === undefined ? undefined : await read(at, countBytes);
    if (at === undefined || entries === undefined) return truncated('the TIFF ends before its pages do');
    frames += 1;
    at = await read(at + countBytes + entries * entryBytes, offsetBytes);
  }
  return frames === 0 ? corrupt('the TIFF holds no picture') : { frames };
}
