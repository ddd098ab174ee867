import { type Readable, Transform, type TransformCallback } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { TokenBucket } from '../core/token-bucket.ts';

/** Streams of one tenant take turns of at most so many bytes. */
const PIECE_BYTES_MAX = 16 * 1024;
/** What may flow at once after a rest, in milliseconds' worth of the rate: short, for slowness must be even. */
const BURST_MS = 250;
/** A share may be tiny for a moment; nobody is left to wait for longer before it is looked at anew. */
const WAIT_MS_MAX = 1_000;

/** A piece that waits to pass. */
interface Turn {
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * Bandwidth of one tenant, in or out, on this node: all its streams draw from one bucket, in turns, so that each gets an
 * equal part. What has to wait is held by the stream that it came from, which then takes no more.
 */
export class Pace {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #bucket: TokenBucket;
  readonly #waiting = new Set<Turn>();
  #timer: NodeJS.Timeout | undefined;
  #isServing = false;
  #passed = 0;
  #hasHeld = false;

  /** @param rate bytes per second. */
  constructor(clock: Pick<Clock, 'monotonic'>, rate: number) {
    this.#clock = clock;
    this.#bucket = new TokenBucket(rate, (rate * BURST_MS) / 1_000, clock.monotonic());
  }

  set(rate: number): void {
    this.#bucket.set(rate, (rate * BURST_MS) / 1_000, this.#clock.monotonic());
    this.#serve();
  }

  /** Bytes that passed since the last call, and whether any had to wait. */
  takeDemand(): { readonly bytes: number; readonly hasHeld: boolean } {
    const demand = { bytes: this.#passed, hasHeld: this.#hasHeld };
    this.#passed = 0;
    this.#hasHeld = this.#waiting.size > 0;
    return demand;
  }

  /** Lets the turn go when it has come: at once, if there is room and nobody waits. */
  await(turn: Turn): void {
    this.#waiting.add(turn);
    this.#serve();
  }

  leave(turn: Turn): void {
    this.#waiting.delete(turn);
  }

  #serve(): void {
    // Whoever is served asks for the next turn at once: it is found further on in the same round.
    if (this.#isServing) return;
    this.#isServing = true;
    clearTimeout(this.#timer);
    for (const turn of this.#waiting) {
      const now = this.#clock.monotonic();
      // A turn need not be there as a whole, or one that is larger than the bucket would never come.
      if (this.#bucket.tokens(now) <= 0) {
        this.#hasHeld = true;
        this.#timer = setTimeout(() => this.#serve(), Math.min(WAIT_MS_MAX, Math.ceil(this.#bucket.msUntil(1, now))));
        break;
      }
      this.#waiting.delete(turn);
      this.#bucket.draw(turn.bytes, now);
      this.#passed += turn.bytes;
      turn.go();
    }
    this.#isServing = false;
  }
}

/** Lets bytes through at a tenant's pace; holds no more than what a stream holds anyhow. */
export class Paced extends Transform {
  readonly #pace: Pace;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #turn: Turn | undefined;
  #heldMs = 0;
  #heldSince: number | undefined;

  constructor(pace: Pace, clock: Pick<Clock, 'monotonic'>) {
    super();
    this.#pace = pace;
    this.#clock = clock;
  }

  /** For how long the pace has held this stream up: what it did not take then is not its sender's fault. */
  get heldMs(): number {
    return this.#heldMs + (this.#heldSince === undefined ? 0 : this.#clock.monotonic() - this.#heldSince);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const piece = chunk.subarray(0, PIECE_BYTES_MAX);
    this.#heldSince = this.#clock.monotonic();
    const go = () => {
      this.#turn = undefined;
      this.#heldMs = this.heldMs;
      this.#heldSince = undefined;
      this.push(piece);
      if (piece.length === chunk.length) done();
      else this._transform(chunk.subarray(piece.length), _encoding, done);
    };
    this.#turn = { bytes: piece.length, go };
    this.#pace.await(this.#turn);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#turn) this.#pace.leave(this.#turn);
    done(error);
  }
}

/**
 * Leads `source` through `paced`. The source is never destroyed by what becomes of its bytes: of a request that would cut
 * the connection on which the answer is to go.
 */
export function pacedBy(paced: Paced, source: Readable): Paced {
  source.once('error', (error) => paced.destroy(error));
  source.once('close', () => {
    if (!source.readableEnded) paced.destroy(new Error('the stream ended before its last byte'));
  });
  paced.once('close', () => source.unpipe(paced));
  return source.pipe(paced);
}
