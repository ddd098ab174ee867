/**
 * Writes baseline JPEG (ITU-T T.81) in the ways that no library writes on demand: any sampling factors, restart
 * intervals, scans of single components, other identifiers and markers. Steps and Huffman tables are those of annex K.
 */
export interface JpegForm {
  readonly width: number;
  readonly height: number;
  /** Sampling factors of each component, across and down: of grey alone, or of Y, Cb and Cr. */
  readonly sampling: readonly (readonly [across: number, down: number])[];
  readonly ids?: readonly number[];
  /** What the quantisation steps of annex K are multiplied by. */
  readonly coarseness?: number;
  /** MCUs between restart markers. */
  readonly interval?: number;
  readonly jfif?: boolean;
  /** The transform that Adobe's marker tells. */
  readonly adobe?: number;
  /** Fill bytes before each marker but the first. */
  readonly fill?: number;
  /** Whether each component has a scan of its own. */
  readonly apart?: boolean;
}

interface Component {
  readonly h: number;
  readonly v: number;
  readonly id: number;
  /** 0 of luma, 1 of colour: quantisation and Huffman tables. */
  readonly table: 0 | 1;
  /** Blocks in a row, filled up to whole MCUs, and those that there are without. */
  readonly stride: number;
  readonly columns: number;
  readonly rows: number;
  readonly blocks: readonly Int16Array[];
}

const SIDE = 8;

/** @param pixels grey or RGB, as many channels as there are sampling factors */
export function writeJpeg(pixels: Uint8Array, form: JpegForm): Buffer {
  const { width, height, interval = 0, jfif = false, adobe, fill = 0, apart = false } = form;
  const components = componentsOf(pixels, form);
  const frame = components.flatMap(({ id, h, v, table }) => [id, (h << 4) | v, table]);
  const segments = [
    ...(jfif ? [segment(0xe0, [...Buffer.from('JFIF\0'), 1, 1, 0, 0, 1, 0, 1, 0, 0])] : []),
    ...(adobe === undefined ? [] : [segment(0xee, [...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, adobe])]),
    ...([0, 1] as const).map((table) => segment(0xdb, [table, ...stepsOf(table, form)])),
    segment(0xc0, [8, ...word(height), ...word(width), components.length, ...frame]),
    ...HUFFMAN.map((table) => segment(0xc4, [...table])),
    ...(interval > 0 ? [segment(0xdd, word(interval))] : []),
  ];
  for (const scan of apart ? components.map((component) => [component]) : [components]) {
    const told = scan.flatMap(({ id, table }) => [id, (table << 4) | table]);
    segments.push(Buffer.concat([segment(0xda, [scan.length, ...told, 0, 63, 0]), writeScan(scan, form)]));
  }
  const ended = [...segments, Buffer.from([0xff, 0xd9])];
  return Buffer.concat([Buffer.from([0xff, 0xd8]), ...ended.flatMap((bytes) => [Buffer.alloc(fill, 0xff), bytes])]);
}

function word(value: number): [number, number] {
  return [value >> 8, value & 255];
}

function segment(code: number, bytes: readonly number[]): Buffer {
  return Buffer.from([0xff, code, ...word(bytes.length + 2), ...bytes]);
}

function stepsOf(table: 0 | 1, { coarseness = 1 }: JpegForm): number[] {
  return Array.from(STEPS[table], (step) => Math.max(1, Math.min(255, Math.round(step * coarseness))));
}

function componentsOf(pixels: Uint8Array, form: JpegForm): Component[] {
  const { width, height, sampling, ids = [1, 2, 3] } = form;
  const [hMax, vMax] = [0, 1].map((way) => Math.max(...sampling.map((factors) => factors[way] ?? 1)));
  return sampling.map(([h, v], index) => {
    const [across, down] = [(hMax ?? 1) / h, (vMax ?? 1) / v];
    const plane = planeOf(pixels, index, form, across, down);
    const [columns, rows] = [Math.ceil(Math.ceil(width / across) / SIDE), Math.ceil(Math.ceil(height / down) / SIDE)];
    // A component alone has blocks for MCUs.
    const [unitsAcross, unitsDown] = sampling.length === 1 ? [1, 1] : [h, v];
    const stride = Math.ceil(columns / unitsAcross) * unitsAcross;
    const [table, steps] = index === 0 ? ([0, stepsOf(0, form)] as const) : ([1, stepsOf(1, form)] as const);
    const blocks = Array.from({ length: stride * Math.ceil(rows / unitsDown) * unitsDown }, (_, at) =>
      transform((x, y) => plane((at % stride) * SIDE + x, Math.floor(at / stride) * SIDE + y), steps),
    );
    return { h, v, id: ids[index] ?? index + 1, table, stride, columns, rows, blocks };
  });
}

/** A component's samples, around 0: each the mean of the pixels that it stands for; past the edges the last ones. */
function planeOf(pixels: Uint8Array, index: number, form: JpegForm, across: number, down: number) {
  const { width, height, sampling } = form;
  const weights = sampling.length === 1 ? [1] : (YCC[index] ?? []);
  return (x: number, y: number): number => {
    let sum = 0;
    let count = 0;
    for (let row = Math.floor(y * down); row < (y + 1) * down; row += 1) {
      for (let column = Math.floor(x * across); column < (x + 1) * across; column += 1) {
        const at = (Math.min(row, height - 1) * width + Math.min(column, width - 1)) * sampling.length;
        for (const [channel, weight] of weights.entries()) sum += weight * (pixels[at + channel] ?? 0);
        count += 1;
      }
    }
    return sum / count - (index === 0 ? 128 : 0);
  };
}

const YCC = [
  [0.299, 0.587, 0.114],
  [-0.168_735_892, -0.331_264_108, 0.5],
  [0.5, -0.418_687_589, -0.081_312_411],
];

/** The cosines of T.81, A.3.3, with their factors. */
const COSINES = Array.from({ length: SIDE }, (_, u) =>
  Array.from({ length: SIDE }, (_, x) => Math.cos(((2 * x + 1) * u * Math.PI) / 16) / (u === 0 ? Math.sqrt(8) : 2)),
);

function transform(sample: ReturnType<typeof planeOf>, steps: readonly number[]): Int16Array {
  const lines = Array.from({ length: SIDE }, (_, y) => {
    const line = Array.from({ length: SIDE }, (_, x) => sample(x, y));
    return COSINES.map((cosines) => cosines.reduce((sum, cosine, x) => sum + cosine * (line[x] ?? 0), 0));
  });
  const coefficient = (place: number) =>
    (COSINES[place >> 3] ?? []).reduce((sum, cosine, y) => sum + cosine * (lines[y]?.[place & 7] ?? 0), 0);
  return Int16Array.from(ZIGZAG, (place, k) => Math.round(coefficient(place) / (steps[k] ?? 1)));
}

function writeScan(scan: readonly Component[], { interval = 0 }: JpegForm): Buffer {
  const isAlone = scan.length === 1;
  const across = Math.max(...scan.map(({ columns, stride, h }) => (isAlone ? columns : stride / h)));
  const down = Math.max(...scan.map(({ rows, stride, v, blocks }) => (isAlone ? rows : blocks.length / stride / v)));
  const bits = new Bits();
  const before = scan.map(() => 0);
  for (let mcu = 0; mcu < across * down; mcu += 1) {
    if (interval > 0 && mcu > 0 && mcu % interval === 0) {
      bits.end(0xff, 0xd0 + ((mcu / interval - 1) & 7));
      before.fill(0);
    }
    const [column, row] = [mcu % across, Math.floor(mcu / across)];
    for (const [index, { h, v, stride, blocks, table }] of scan.entries()) {
      const [unitsAcross, unitsDown] = isAlone ? [1, 1] : [h, v];
      for (let unit = 0; unit < unitsAcross * unitsDown; unit += 1) {
        const y = row * unitsDown + Math.floor(unit / unitsAcross);
        const block = blocks[y * stride + column * unitsAcross + (unit % unitsAcross)] ?? new Int16Array(64);
        writeBlock(bits, block, before[index] ?? 0, table);
        before[index] = block[0] ?? 0;
      }
    }
  }
  return bits.end();
}

function writeBlock(bits: Bits, block: Int16Array, before: number, table: 0 | 1): void {
  bits.value(0, table, 0, (block[0] ?? 0) - before);
  let run = 0;
  for (let k = 1; k < 64; k += 1) {
    const value = block[k] ?? 0;
    if (value === 0) {
      run += 1;
      continue;
    }
    for (; run > 15; run -= 16) bits.code(1, table, 0xf0);
    bits.value(1, table, run, value);
    run = 0;
  }
  if (run > 0) bits.code(1, table, 0);
}

/** Entropy-coded data as it is written. */
class Bits {
  readonly #bytes: number[] = [];
  #byte = 0;
  #count = 0;

  value(kind: 0 | 1, table: 0 | 1, run: number, value: number): void {
    const size = 32 - Math.clz32(Math.abs(value));
    this.code(kind, table, (run << 4) | size);
    this.#put(value < 0 ? value + 2 ** size - 1 : value, size);
  }

  code(kind: 0 | 1, table: 0 | 1, symbol: number): void {
    const found = CODES[kind * 2 + table]?.get(symbol);
    if (!found) throw new Error(`no code for ${symbol.toString(16)}`);
    this.#put(found.code, found.length);
  }

  /** Fills the last byte with ones, and adds a marker. @returns all that was written */
  end(...marker: readonly number[]): Buffer {
    while (this.#count > 0) this.#put(1, 1);
    this.#bytes.push(...marker);
    return Buffer.from(this.#bytes);
  }

  #put(value: number, length: number): void {
    for (let bit = length - 1; bit >= 0; bit -= 1) {
      this.#byte = (this.#byte << 1) | ((value >> bit) & 1);
      this.#count += 1;
      if (this.#count < 8) continue;
      this.#bytes.push(this.#byte, ...(this.#byte === 0xff ? [0] : []));
      this.#byte = 0;
      this.#count = 0;
    }
  }
}

/** Of luma and of colour, in zigzag order (tables K.1 and K.2). */
const STEPS = [
  hex(`
    100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f626768673e4d71
    797064785c656763`),
  hex(`1112121815182f1a1a2f634238426363${'63'.repeat(48)}`),
] as const;

/** Class and identifier, how many codes there are of each length, and their symbols (tables K.3 to K.6). */
const HUFFMAN = [
  hex('0000010501010101010100000000000000000102030405060708090a0b'),
  hex('0100030101010101010101010000000000000102030405060708090a0b'),
  hex(`
    100002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a
    161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788
    898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9
    eaf1f2f3f4f5f6f7f8f9fa`),
  hex(`
    1100020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a1624
    34e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a8283848586
    8788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8
    e9eaf2f3f4f5f6f7f8f9fa`),
];

/** Codes by symbol: of DC for luma and colour, of AC for luma and colour. */
const CODES = HUFFMAN.map((table) => {
  const codes = new Map<number, { readonly code: number; readonly length: number }>();
  let code = 0;
  let at = 17;
  for (let length = 1; length <= 16; length += 1) {
    for (let left = table[length] ?? 0; left > 0; left -= 1) codes.set(table[at++] ?? 0, { code: code++, length });
    code <<= 1;
  }
  return codes;
});

/** From an index in zigzag order to row × 8 + column (figure A.6). */
const ZIGZAG = hex(`
    000108100902030a11182019120b04050c131a21283029221b140d06070e151c
    232a313839322b241d160f171e252c333a3b342d261f272e353c3d362f373e3f`);

function hex(bytes: string): Uint8Array {
  return Buffer.from(bytes.replaceAll(/\s/g, ''), 'hex');
}
