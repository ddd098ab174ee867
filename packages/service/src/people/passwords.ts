import { hash, type Options, verify } from '@node-rs/argon2';
import { ByteSemaphore } from '../core/byte-semaphore.ts';
import type { Clock } from '../core/clock.ts';

/** OWASP's Password Storage Cheat Sheet for argon2id: 19 MiB, two passes, one lane. */
const MEMORY_KIBIBYTES = 19_456;
const PASSES = 2;
const HASHING: Options = { memoryCost: MEMORY_KIBIBYTES, timeCost: PASSES, parallelism: 1, outputLen: 32 };
/**
 * Hashing shares libuv's four threads with the reading of files: beside 16 hashes a small file waited 145 ms, beside two
 * 3 ms. Two take 38 MiB and answer some 60 log-ins a second.
 */
const AT_ONCE_MAX = 2;
/** Half a second of waiting; beyond it the node is asked for more than people do. */
const WAITING_MAX = 32;
const SALT_BYTES = 16;
const DIGEST_BYTES = 32;

/** Digests passwords, few at a time, and as much for people who are not there. */
export class Passwords {
  readonly #places = new ByteSemaphore({ bytesMax: AT_ONCE_MAX, waitersMax: WAITING_MAX });
  readonly #nobody: string;
  readonly #onHash: () => void;

  /** @param onHash told each time that a password is digested. */
  constructor(clock: Clock, onHash: () => void) {
    this.#onHash = onHash;
    const text = (count: number) => Buffer.from(clock.bytes(count)).toString('base64').replace(/=+$/, '');
    // Of no password, and as much work to find that out as of any.
    this.#nobody = `$argon2id$v=19$m=${MEMORY_KIBIBYTES},t=${PASSES},p=1$${text(SALT_BYTES)}$${text(DIGEST_BYTES)}`;
  }

  /**
   * Waits for a place among those that hash at once, for all of `work`.
   * @throws TooManyWaitersError when too many wait already: before anything was looked at or counted.
   */
  async inTurn<T>(work: (turn: PasswordTurn) => Promise<T>): Promise<T> {
    const release = await this.#places.acquire(1);
    try {
      return await work({
        hash: (password) => {
          this.#onHash();
          return hash(password, HASHING);
        },
        verify: (stored, password) => {
          this.#onHash();
          return verify(stored ?? this.#nobody, password);
        },
      });
    } finally {
      release();
    }
  }
}

export interface PasswordTurn {
  hash(password: string): Promise<string>;
  /** @param stored undefined where there is nobody, or nobody with a password: the same work, and false. */
  verify(stored: string | undefined, password: string): Promise<boolean>;
}
