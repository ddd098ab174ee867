import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import type { Size } from '../geometry.ts';
import type { Pixels } from '../ops/index.ts';
import { type Frame, readJpeg, type Scan, Unusual } from './jpeg-markers.ts';

/** What packages/service/assembly exports; positions are offsets into its memory, and 0 means that it cannot be done. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  begin(bytes: number, bytesMax: number): number;
  quantise(table: number, k: number, value: number): void;
  defineTable(slot: number, from: number): number;
  frame(width: number, height: number, count: number, samples: number): void;
  component(index: number, h: number, v: number, table: number): void;
  prepare(progressive: boolean): number;
  useTables(index: number, dc: number, ac: number): void;
  baseline(from: number, interval: number): number;
  progressive(
    from: number,
    interval: number,
    index: number,
    start: number,
    end: number,
    high: number,
    low: number,
  ): number;
  finish(): void;
  width(): number;
  height(): number;
}

export interface Reduction {
  /** As the header was told before. */
  readonly stored: Size;
  /** By how much each side becomes smaller, rounded to the nearest pixel. */
  readonly factor: 2 | 4 | 8;
}

/** Pixels in the decoder's memory, which the next picture is written into when these are disposed of. */
export type LentPixels = Pixels & Disposable;

/** Of a picture that takes more the library shall take care. */
const BYTES_MAX = 512 * 1024 * 1024;
/** More than this is given back after the picture. */
const KEPT_BYTES_MAX = 96 * 1024 * 1024;
const BLOCK_SIDE = 8;
/** Slots of AC tables come after those of DC. */
const AC_SLOTS = 4;

/**
 * Decodes JPEG to a half, a quarter or an eighth of its sides without making what those do not show: 0.2 to 0.8 of the
 * CPU that the library takes, at the same likeness (bench/reduce.ts). What is not plain JPEG as cameras and editors write it, damaged files
 * above all, it leaves to the library. Runs in a sandbox of its own: WebAssembly, to whose memory bytes of strangers
 * are confined.
 */
export class JpegReducer {
  readonly #module: WebAssembly.Module;
  /** With the memory of the pictures before, unless its pixels are lent. */
  #free: Exports | undefined;

  constructor() {
    this.#module = new WebAssembly.Module(readFileSync(new URL('./jpeg-reducer.wasm', import.meta.url)));
    this.#free = instantiate(this.#module);
  }

  /** The pixels of the file at `path`, grey or RGB; undefined when it is left to the library. */
  reduce(path: string, { stored, factor }: Reduction): LentPixels | undefined {
    const decoder = this.#free ?? instantiate(this.#module);
    this.#free = undefined;
    const giveBack = () => {
      if (decoder.memory.buffer.byteLength <= KEPT_BYTES_MAX) this.#free = decoder;
    };
    try {
      return { ...new Reading(decoder, BLOCK_SIDE / factor).read(path, stored), [Symbol.dispose]: giveBack };
    } catch (error) {
      // A bound of its memory should have been seen before: our fault, not the picture's, and nothing came of it.
      if (error instanceof WebAssembly.RuntimeError) return undefined;
      giveBack();
      if (error instanceof Unusual) return undefined;
      throw error;
    }
  }
}

function instantiate(module: WebAssembly.Module): Exports {
  return new WebAssembly.Instance(module).exports as unknown as Exports;
}

/** One picture on its way through. */
class Reading {
  readonly #decoder: Exports;
  readonly #samples: number;

  constructor(decoder: Exports, samples: number) {
    this.#decoder = decoder;
    this.#samples = samples;
  }

  /** @throws Unusual */
  read(path: string, stored: Size): Pixels {
    const { position, length } = this.#load(path);
    const view = () => new Uint8Array(this.#decoder.memory.buffer, position, length);
    let output = 0;
    const frame = readJpeg(view, {
      quantise: (table, k, value) => this.#decoder.quantise(table, k, value),
      defineTable: ({ isAc, id, at }) => {
        if (!this.#decoder.defineTable(isAc ? AC_SLOTS + id : id, position + at)) throw new Unusual('a table');
      },
      frame: (frame) => {
        if (frame.width !== stored.width || frame.height !== stored.height) throw new Unusual('the size');
        output = this.#prepare(frame);
      },
      scan: (scan, frame, at) => this.#scan(scan, frame, position + at) - position,
    });
    if (frame.isProgressive) this.#decoder.finish();
    const size = { width: this.#decoder.width(), height: this.#decoder.height() };
    const channels = frame.components.length === 1 ? 1 : 3;
    const data = Buffer.from(this.#decoder.memory.buffer, output, size.width * size.height * channels);
    return { data, ...size, channels, frames: 1 };
  }

  #load(path: string): { position: number; length: number } {
    const file = openSync(path, 'r');
    try {
      const length = fstatSync(file).size;
      const position = length > BYTES_MAX ? 0 : this.#decoder.begin(length, BYTES_MAX) >>> 0;
      if (position === 0) throw new Unusual('its length');
      const bytes = new Uint8Array(this.#decoder.memory.buffer, position, length);
      if (readSync(file, bytes) !== length) throw new Unusual('its length');
      return { position, length };
    } finally {
      closeSync(file);
    }
  }

  #prepare({ width, height, components, isProgressive }: Frame): number {
    const samples = this.#samples;
    this.#decoder.frame(width, height, components.length, samples);
    const [hMax, vMax] = [components.map(({ h }) => h), components.map(({ v }) => v)].map((all) => Math.max(...all));
    for (const [index, { h, v, table }] of components.entries()) {
      if (!isTransformed((samples * (hMax ?? 1)) / h) || !isTransformed((samples * (vMax ?? 1)) / v)) {
        throw new Unusual('the sampling');
      }
      this.#decoder.component(index, h, v, table);
    }
    const output = this.#decoder.prepare(isProgressive) >>> 0;
    if (output === 0) throw new Unusual('its size');
    return output;
  }

  #scan({ components, interval, start, end, high, low }: Scan, frame: Frame, at: number): number {
    for (const { index, dc, ac } of components) this.#decoder.useTables(index, dc, ac);
    const [first] = components;
    const index = components.length === 1 ? (first?.index ?? 0) : frame.components.length;
    const next = frame.isProgressive
      ? this.#decoder.progressive(at, interval, index, start, end, high, low)
      : this.#decoder.baseline(at, interval);
    if (next === 0) throw new Unusual('the coded data');
    return next >>> 0;
  }
}

/** Whether so many samples of a block's side can be made. */
function isTransformed(samples: number): boolean {
  return [1, 2, 4, BLOCK_SIDE].includes(samples);
}
