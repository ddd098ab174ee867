import { HEADER_TEXT_CHARACTERS_MAX } from '../header-bounds.ts';

/** One directory of a TIFF structure; what is not there, or not what it says, is undefined. */
export interface Directory {
  /** The value at `index` of a numeric field; finite. */
  number(tag: number, index?: number): number | undefined;
  /** A text without control characters, of at most `charactersMax` (if not given, as many as facts have); never empty. */
  text(tag: number, charactersMax?: number): string | undefined;
  /** The directory whose offset stands in this field. */
  pointed(tag: number): Directory | undefined;
}

/**
 * The first directory of a TIFF structure (TIFF 6.0, section 2), behind the prefix that EXIF puts before it in a JPEG.
 *
 * Fields are read when they are asked for, each out of the first entry of its tag, and nothing is copied but short
 * texts, so time and memory do not depend on what a stranger wrote. A reader that unfolds every entry makes gigabytes
 * of a block of 64 kB whose entries all point at all of it.
 */
export function openTiff(block: Buffer): Directory | undefined {
  const bytes = block.toString('latin1', 0, 6) === 'Exif\0\0' ? block.subarray(6) : block;
  const order = bytes.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return undefined;
  const tiff = new Tiff(bytes, order === 'MM');
  return tiff.uint(2, 2) === 42 ? tiff.directoryAt(tiff.uint(4, 4)) : undefined;
}

/** Cameras write about 60 entries; what comes after this many is not looked at. */
const ENTRIES_MAX = 512;
const ENTRY_BYTES = 12;
/** As UTF-8. */
const CHARACTER_BYTES_MAX = 4;

interface Type {
  readonly bytes: 1 | 2 | 4 | 8;
  readonly kind: 'unsigned' | 'signed' | 'unsigned rational' | 'signed rational' | 'text';
}

/** TIFF 6.0, page 15; 129 is EXIF 3.0's UTF-8. */
const TYPES: Readonly<Record<number, Type>> = {
  1: { bytes: 1, kind: 'unsigned' },
  2: { bytes: 1, kind: 'text' },
  3: { bytes: 2, kind: 'unsigned' },
  4: { bytes: 4, kind: 'unsigned' },
  5: { bytes: 8, kind: 'unsigned rational' },
  6: { bytes: 1, kind: 'signed' },
  8: { bytes: 2, kind: 'signed' },
  9: { bytes: 4, kind: 'signed' },
  10: { bytes: 8, kind: 'signed rational' },
  129: { bytes: 1, kind: 'text' },
};

interface Field {
  readonly type: Type;
  readonly count: number;
  /** Where the values begin. */
  readonly at: number;
}

class Tiff {
  readonly #bytes: Buffer;
  readonly #isBigEndian: boolean;

  constructor(bytes: Buffer, isBigEndian: boolean) {
    this.#bytes = bytes;
    this.#isBigEndian = isBigEndian;
  }

  uint(at: number, length: 1 | 2 | 4): number | undefined {
    // Places are computed from what the file says: they may be negative, or fractions.
    if (!Number.isInteger(at) || at < 0 || at + length > this.#bytes.length) return undefined;
    return this.#isBigEndian ? this.#bytes.readUIntBE(at, length) : this.#bytes.readUIntLE(at, length);
  }

  directoryAt(at: number | undefined): Directory | undefined {
    const entries = at === undefined ? undefined : this.uint(at, 2);
    if (at === undefined || entries === undefined) return undefined;
    const field = (tag: number) => this.#field(at + 2, Math.min(entries, ENTRIES_MAX), tag);
    return {
      number: (tag, index = 0) => this.#number(field(tag), index),
      text: (tag, charactersMax = HEADER_TEXT_CHARACTERS_MAX) => this.#text(field(tag), charactersMax),
      pointed: (tag) => this.directoryAt(this.#number(field(tag), 0)),
    };
  }

  #field(start: number, entries: number, tag: number): Field | undefined {
    for (let at = start; at < start + entries * ENTRY_BYTES; at += ENTRY_BYTES) {
      if (this.uint(at, 2) !== tag) continue;
      const type = TYPES[this.uint(at + 2, 2) ?? 0];
      const count = this.uint(at + 4, 4);
      if (!type || count === undefined) return undefined;
      // Four bytes or fewer stand in the entry itself.
      const from = type.bytes * count <= 4 ? at + 8 : this.uint(at + 8, 4);
      return from === undefined ? undefined : { type, count, at: from };
    }
    return undefined;
  }

  #number(field: Field | undefined, index: number): number | undefined {
    if (!field || field.type.kind === 'text' || index >= field.count) return undefined;
    const { kind, bytes } = field.type;
    const at = field.at + index * bytes;
    const isSigned = kind.startsWith('signed');
    if (bytes !== 8) return this.#integer(at, bytes, isSigned);
    const [over, under] = [this.#integer(at, 4, isSigned), this.#integer(at + 4, 4, isSigned)];
    const ratio = over === undefined || under === undefined ? Number.NaN : over / under;
    return Number.isFinite(ratio) ? ratio : undefined;
  }

  #integer(at: number, length: 1 | 2 | 4, isSigned: boolean): number | undefined {
    const value = this.uint(at, length);
    const half = 2 ** (8 * length - 1);
    return value !== undefined && isSigned && value >= half ? value - 2 * half : value;
  }

  #text(field: Field | undefined, charactersMax: number): string | undefined {
    if (field?.type.kind !== 'text') return undefined;
    const bytes = this.#bytes.subarray(field.at, field.at + Math.min(field.count, CHARACTER_BYTES_MAX * charactersMax));
    return plainText(bytes, charactersMax);
  }
}

/** Up to the first NUL; the standard says ASCII, cameras also write UTF-8 and Latin-1. */
function plainText(bytes: Buffer, charactersMax: number): string | undefined {
  const end = bytes.indexOf(0);
  const text = decoded(end < 0 ? bytes : bytes.subarray(0, end))
    // Controls, marks that turn the direction of what follows, and halves of characters.
    .replaceAll(/\p{C}/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, charactersMax)
    // The cut may have left half of a pair.
    .replace(/[\ud800-\udbff]$/, '')
    .trim();
  return text === '' ? undefined : text;
}

function decoded(bytes: Buffer): string {
  try {
    // As a stream: the bytes may have been cut inside a character.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return bytes.toString('latin1');
  }
}
