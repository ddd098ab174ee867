/** Something that not every JPEG has, named in the message. */
export class Unusual extends Error {}

/** A start of frame. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly isProgressive: boolean;
  /** Grey, or luma and two differences of colour. */
  readonly components: readonly FrameComponent[];
}

export interface FrameComponent {
  readonly id: number;
  /** Sampling factors. */
  readonly h: number;
  readonly v: number;
  /** Quantisation table. */
  readonly table: number;
}

/** A start of scan. */
export interface Scan {
  /** One, or all of the frame's. */
  readonly components: readonly { readonly index: number; readonly dc: number; readonly ac: number }[];
  /** MCUs between restart markers; 0 without. */
  readonly interval: number;
  /** The band of coefficients, and which bits of them. */
  readonly start: number;
  readonly end: number;
  readonly high: number;
  readonly low: number;
}

/** Who is told what stands in the file, in its order. */
export interface JpegVisitor {
  /** One entry of a quantisation table; `k` in zigzag order. */
  quantise(table: number, k: number, value: number): void;
  /** A Huffman table whose counts and symbols begin at `at`. */
  defineTable(table: { isAc: boolean; id: number; at: number }): void;
  frame(frame: Frame): void;
  /** @returns where the marker after the scan that begins at `at` is */
  scan(scan: Scan, frame: Frame, at: number): number;
}

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const DQT = 0xdb;
const DRI = 0xdd;
const DHT = 0xc4;
const COM = 0xfe;
const [APP0, APP14, APP15] = [0xe0, 0xee, 0xef];
/** Baseline, extended sequential and progressive; all others are coded in other ways. */
const FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2]);
const PROGRESSIVE = 0xc2;
const COEFFICIENTS = 64;
/** Of an MCU. */
const BLOCKS_MAX = 10;
/** Each goes over all blocks, however few bytes it has: 2,600 of them over 100 megapixels would take 20 s. */
const SCANS_MAX = 100;

/**
 * Reads the markers of a JPEG (ITU-T T.81, annex B) as far as pictures have them that libjpeg decodes without a warning.
 * @param view of the file; asked for again after the frame, since memory that grows lies elsewhere
 * @returns the frame, when the end of the picture was reached
 * @throws Unusual for everything else
 */
export function readJpeg(view: () => Uint8Array, visitor: JpegVisitor): Frame {
  return new MarkerReader(view, visitor).read();
}

class MarkerReader {
  readonly #view: () => Uint8Array;
  readonly #visitor: JpegVisitor;
  #bytes: Uint8Array;
  #frame: Frame | undefined;
  #isJfif = false;
  /** What Adobe's marker says of the colours. */
  #transform: number | undefined;
  #interval = 0;
  readonly #tables = new Set<string>();
  /** By component and coefficient: the lowest bit that is known, -1 while none is. */
  #known: Int8Array[] = [];
  #scans = 0;

  constructor(view: () => Uint8Array, visitor: JpegVisitor) {
    this.#view = view;
    this.#visitor = visitor;
    this.#bytes = view();
  }

  read(): Frame {
    if (this.#byte(0) !== 0xff || this.#byte(1) !== SOI) throw new Unusual('its first bytes');
    let at = 2;
    for (;;) {
      if (this.#byte(at) !== 0xff) throw new Unusual('bytes between markers');
      const code = this.#byte(at + 1);
      if (code === EOI) return this.#end();
      // Fill bytes may stand before a marker.
      at = code === 0xff ? at + 1 : this.#segment(code, at + 2);
    }
  }

  /** @returns where the next marker is */
  #segment(code: number, at: number): number {
    const end = at + this.#word(at);
    const start = at + 2;
    if (end < start || end > this.#bytes.length) throw new Unusual('the length of a segment');
    if (code === SOS) return this.#scan(start, end);
    if (FRAMES.has(code)) this.#readFrame(start, end, code === PROGRESSIVE);
    else if (code === DQT) this.#quantisation(start, end);
    else if (code === DHT) this.#huffman(start, end);
    else if (code === DRI) this.#restarts(start, end);
    else if (code === APP0 && this.#says(start, 'JFIF\0')) this.#jfif(start, end);
    else if (code === APP14 && this.#says(start, 'Adobe')) this.#adobe(start, end);
    else if ((code < APP0 || code > APP15) && code !== COM) throw new Unusual(`marker ${code.toString(16)}`);
    return end;
  }

  #restarts(start: number, end: number): void {
    if (end !== start + 2) throw new Unusual('the interval of restarts');
    this.#interval = this.#word(start);
  }

  /** What tells of the colours counts from the frame on, where it is looked at. */
  #jfif(start: number, end: number): void {
    if (this.#frame || end < start + 14 || this.#byte(start + 5) !== 1) throw new Unusual('its JFIF');
    this.#isJfif = true;
  }

  #adobe(start: number, end: number): void {
    if (this.#frame || end < start + 12) throw new Unusual('what Adobe tells');
    this.#transform = this.#byte(start + 11);
  }

  #end(): Frame {
    const frame = this.#frame;
    if (!frame) throw new Unusual('no frame');
    // A picture of which not all has come the library makes smoother than it is.
    if (this.#known.some((bits) => bits.some((bit) => bit !== 0))) throw new Unusual('scans that are missing');
    return frame;
  }

  #readFrame(start: number, end: number, isProgressive: boolean): void {
    const count = this.#byte(start + 5);
    if (this.#frame || this.#byte(start) !== 8 || end !== start + 6 + 3 * count) throw new Unusual('the frame');
    const components = Array.from({ length: count }, (_, index) => {
      const at = start + 6 + 3 * index;
      const [id, sampling, table] = [this.#byte(at), this.#byte(at + 1), this.#byte(at + 2)];
      // A component alone has no MCUs of several blocks, whatever its factors are.
      const [h, v] = [sampling >> 4, sampling & 15];
      if (h < 1 || h > 4 || v < 1 || v > 4 || table > 3) throw new Unusual('the frame');
      return count === 1 ? { id, h: 1, v: 1, table } : { id, h, v, table };
    });
    const frame = { width: this.#word(start + 3), height: this.#word(start + 1), isProgressive, components };
    if (frame.width === 0 || frame.height === 0) throw new Unusual('no size');
    const blocks = components.reduce((sum, { h, v }) => sum + h * v, 0);
    if (blocks > BLOCKS_MAX || !this.#isYcc(components)) throw new Unusual('the colours');
    this.#frame = frame;
    this.#known = components.map(() => new Int8Array(COEFFICIENTS).fill(-1));
    this.#visitor.frame(frame);
    this.#bytes = this.#view();
  }

  /** Whether the colours are grey or YCbCr, as libjpeg guesses it. */
  #isYcc(components: readonly FrameComponent[]): boolean {
    if (components.length === 1) return true;
    if (components.length !== 3) return false;
    if (this.#isJfif) return true;
    if (this.#transform !== undefined) return this.#transform === 1;
    return components.every(({ id }, index) => id === index + 1);
  }

  #quantisation(start: number, end: number): void {
    // Tables count from when a component is first met, which is not looked at here.
    if (this.#known.some((bits) => bits.some((bit) => bit >= 0))) throw new Unusual('tables between scans');
    let at = start;
    while (at < end) {
      const [precision, table] = [this.#byte(at) >> 4, this.#byte(at) & 15];
      if (precision > 1 || table > 3) throw new Unusual('a quantisation table');
      const step = precision + 1;
      for (let k = 0; k < COEFFICIENTS; k += 1) {
        const from = at + 1 + k * step;
        this.#visitor.quantise(table, k, precision === 1 ? this.#word(from) : this.#byte(from));
      }
      this.#tables.add(`quantisation ${table}`);
      at += 1 + COEFFICIENTS * step;
    }
    if (at !== end) throw new Unusual('a quantisation table');
  }

  #huffman(start: number, end: number): void {
    let at = start;
    while (at < end) {
      const [kind, id] = [this.#byte(at) >> 4, this.#byte(at) & 15];
      const symbols = this.#bytes.subarray(at + 1, at + 17).reduce((sum, count) => sum + count, 0);
      if (kind > 1 || id > 3 || symbols > 256 || at + 17 + symbols > end) throw new Unusual('a Huffman table');
      // Differences of means have at most 15 bits.
      const isTooLong = kind === 0 && this.#bytes.subarray(at + 17, at + 17 + symbols).some((symbol) => symbol > 15);
      if (isTooLong) throw new Unusual('a Huffman table');
      this.#visitor.defineTable({ isAc: kind === 1, id, at: at + 1 });
      this.#tables.add(`${kind === 1 ? 'ac' : 'dc'} ${id}`);
      at += 17 + symbols;
    }
    if (at !== end) throw new Unusual('a Huffman table');
  }

  #scan(start: number, end: number): number {
    const frame = this.#frame;
    const count = this.#byte(start);
    this.#scans += 1;
    if (!frame || end !== start + 4 + 2 * count) throw new Unusual('a scan');
    if (this.#scans > SCANS_MAX) throw new Unusual('too many scans');
    if (count !== 1 && count !== frame.components.length) throw new Unusual('a scan of some components');
    const components = Array.from({ length: count }, (_, place) => {
      const [id, tables] = [this.#byte(start + 1 + 2 * place), this.#byte(start + 2 + 2 * place)];
      const index = frame.components.findIndex((component) => component.id === id);
      if (index < 0 || (count > 1 && index !== place)) throw new Unusual('a scan of other components');
      return { index, dc: tables >> 4, ac: tables & 15 };
    });
    const [first, last, bits] = [this.#byte(end - 3), this.#byte(end - 2), this.#byte(end - 1)];
    const scan = { components, interval: this.#interval, start: first, end: last, high: bits >> 4, low: bits & 15 };
    this.#check(scan, frame);
    return this.#visitor.scan(scan, frame, end);
  }

  /** Holds a scan against what was told before it. */
  #check({ components, start, end, high, low }: Scan, frame: Frame): void {
    const isWhole = start === 0 && end === COEFFICIENTS - 1 && high === 0 && low === 0;
    const isBand = start === 0 ? end === 0 : components.length === 1 && end >= start && end < COEFFICIENTS;
    const isFirst = high === 0;
    if (frame.isProgressive ? !isBand || low > 13 || (!isFirst && high !== low + 1) : !isWhole) {
      throw new Unusual('the order of scans');
    }
    if (!frame.isProgressive && components.length !== frame.components.length) throw new Unusual('several scans');
    for (const { index, dc, ac } of components) {
      const known = this.#known[index];
      const needsDc = start === 0 && isFirst;
      const names = [...(needsDc ? [`dc ${dc}`] : []), ...(end > 0 ? [`ac ${ac}`] : [])];
      names.push(`quantisation ${frame.components[index]?.table}`);
      if (!known || !names.every((name) => this.#tables.has(name))) throw new Unusual('a table that is missing');
      if (start > 0 && (known[0] ?? -1) < 0) throw new Unusual('the order of scans');
      for (let k = start; k <= end; k += 1) {
        // Each coefficient is begun once, and then gets one bit after the other.
        if (known[k] !== (isFirst ? -1 : high)) throw new Unusual('the order of scans');
        known[k] = low;
      }
    }
  }

  #says(at: number, word: string): boolean {
    return Buffer.from(this.#bytes.subarray(at, at + word.length)).toString('latin1') === word;
  }

  #byte(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw new Unusual('its end');
    return byte;
  }

  #word(at: number): number {
    return this.#byte(at) * 256 + this.#byte(at + 1);
  }
}
