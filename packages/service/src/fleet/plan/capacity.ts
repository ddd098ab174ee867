import type { ResourceUse } from './model.ts';

/** A minute: what is exhausted for less is a burst that a queue takes. */
const WINDOW_SECONDS = 60;
/** Nothing is used to the last grain. */
const SHARE_EXHAUSTED = 0.95;
/** Work that waits for longer has an exhausted resource before it, however short the window. */
const DELAY_SECONDS_MAX = 1;
/** So that the simulation goes on, and shows how badly. */
const LEFT_SHARE_MIN = 0.01;

/** How much of a resource is used, minute by minute. */
export class Usage {
  #window = 0;
  /** Of the window so far, as a share of all of it. */
  #share = 0;
  #peakShare = 0;
  #exhaustedAt: number | null = null;

  /** `seconds` of all that there is were used at `at`. */
  count(at: number, seconds: number): void {
    const window = Math.floor(at / WINDOW_SECONDS);
    if (window !== this.#window) {
      this.#close();
      this.#window = window;
      this.#share = 0;
    }
    this.#share += seconds / WINDOW_SECONDS;
  }

  /** Somebody waits for it at `at`. */
  exhaust(at: number): void {
    this.#exhaustedAt = Math.min(this.#exhaustedAt ?? at, at);
  }

  use(): ResourceUse {
    this.#close();
    return { peakShare: this.#peakShare, exhaustedAtSeconds: this.#exhaustedAt };
  }

  #close(): void {
    this.#peakShare = Math.max(this.#peakShare, this.#share);
    if (this.#share >= SHARE_EXHAUSTED) this.exhaust(this.#window * WINDOW_SECONDS);
  }
}

/** Something that all machines share and that serves one unit after the other at a rate. */
export class Capacity {
  readonly #unitsPerSecond: number;
  readonly #usage = new Usage();
  #unitSeconds: number;
  #freeAt = 0;

  /** @param unitsPerSecond Infinity: it never makes anybody wait. */
  constructor(unitsPerSecond: number) {
    this.#unitsPerSecond = unitsPerSecond;
    this.#unitSeconds = 1 / unitsPerSecond;
  }

  /** Takes `unitsPerSecond` away for something that goes on all the time, until the next call; a little is always left. */
  burden(unitsPerSecond: number): void {
    const left = Math.max(this.#unitsPerSecond - unitsPerSecond, this.#unitsPerSecond * LEFT_SHARE_MIN);
    this.#unitSeconds = 1 / left;
  }

  /** Asks for `units` at `at`, which must not run backwards. @returns when it has been served. */
  serve(at: number, units: number): number {
    const begins = Math.max(at, this.#freeAt);
    if (begins - at > DELAY_SECONDS_MAX) this.#usage.exhaust(at);
    this.#freeAt = begins + units * this.#unitSeconds;
    this.#usage.count(begins, units * this.#unitSeconds);
    return this.#freeAt;
  }

  use(): ResourceUse {
    return this.#usage.use();
  }
}
