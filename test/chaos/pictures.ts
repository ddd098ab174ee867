import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { photo } from '../../scripts/make-pictures.ts';
import type { Random } from './random.ts';

export interface Sample {
  readonly bytes: Buffer;
  /** Hexadecimal. */
  readonly sha256: string;
  readonly extension: 'jpg' | 'png';
}

/** How many pictures are sent again and again, so that uploads and deletions of the same original meet. */
const REPEATED = 4;
/** Of a hundred distinct pictures, this many take long enough to be hit in the middle of an encode. */
const SLOW_PERCENT = 15;

/** A few pictures are encoded once; distinct ones differ in a comment, which costs nothing to make. */
export class Pictures {
  readonly #random: Random;
  readonly #quick: readonly Buffer[];
  readonly #slow: Buffer;
  readonly #repeated: readonly Sample[];
  #made = 0;

  private constructor(random: Random, quick: readonly Buffer[], slow: Buffer) {
    this.#random = random;
    this.#quick = quick;
    this.#slow = slow;
    this.#repeated = Array.from({ length: REPEATED }, (_, n) =>
      withComment(quick[n % quick.length] ?? slow, `again ${n}`),
    );
  }

  static async make(random: Random): Promise<Pictures> {
    const quick = await Promise.all([
      photo(640, 480).jpeg({ quality: 80 }).toBuffer(),
      photo(480, 640).jpeg({ quality: 85, progressive: true }).toBuffer(),
      photo(320, 240).png({ compressionLevel: 3 }).toBuffer(),
    ]);
    return new Pictures(random, quick, await slowPicture());
  }

  /** A picture that nobody has sent yet. */
  distinct(): Sample {
    this.#made += 1;
    const isSlow = this.#random.between(0, 100) < SLOW_PERCENT;
    const base = (isSlow ? undefined : this.#random.pick(this.#quick)) ?? this.#slow;
    return withComment(base, `${this.#made} ${this.#random.next()}`);
  }

  /** One of a few that are sent again and again. */
  repeated(): Sample {
    const sample = this.#random.pick(this.#repeated);
    if (!sample) throw new Error('there are repeated pictures');
    return sample;
  }
}

/** A progressive JPEG, which must be decoded whole: 24 megapixels take a worker 0.15 s of a core, 80 take 0.45 s. */
export function slowPicture(width = 6_000, height = 4_000): Promise<Buffer> {
  return photo(width, height).jpeg({ quality: 80, progressive: true }).toBuffer();
}

/** The same pixels as another file: a COM segment after JPEG's SOI (T.81, B.2.4.5), a tEXt chunk after PNG's IHDR. */
export function withComment(picture: Buffer, comment: string): Sample {
  const isPng = picture[0] === 0x89;
  const bytes = isPng ? withText(picture, comment) : withCom(picture, comment);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { bytes, sha256, extension: isPng ? 'png' : 'jpg' };
}

function withCom(jpeg: Buffer, comment: string): Buffer {
  const text = Buffer.from(comment, 'latin1');
  const header = Buffer.from([0xff, 0xfe, 0, 0]);
  header.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), header, text, jpeg.subarray(2)]);
}

const PNG_IHDR_END = 33;

function withText(png: Buffer, comment: string): Buffer {
  const body = Buffer.concat([Buffer.from('tEXtComment\0', 'latin1'), Buffer.from(comment, 'latin1')]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length - 4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([png.subarray(0, PNG_IHDR_END), length, body, checksum, png.subarray(PNG_IHDR_END)]);
}
