import type { Readable } from 'node:stream';

/**
 * Where bytes lie. Made to fit both a file system and S3: objects are written once under a fresh key and never
 * renamed or appended to; listing exists for the janitor and for audits alone, never on a request's path.
 *
 * Durability: a resolved `put` or `commit` means that the bytes are on stable storage (fsync of file and directory,
 * or the object store's acknowledgement). A crash before that leaves at most an unreferenced object, which the
 * janitor sweeps.
 */
export interface ObjectStore {
  /**
   * Writes a whole object under a fresh key.
   * @throws ObjectExistsError when the key is taken; OutOfSpaceError when the medium is full.
   */
  put(key: string, body: Uint8Array, options?: WriteOptions): Promise<void>;

  /**
   * Streams an object of unknown length under a fresh key. Nothing is readable under the key until all of its bytes
   * are stored; when the source errors or exceeds `bytesMax`, or the signal aborts, nothing is left behind.
   *
   * The source must yield bytes. On a failure that is not its own it is paused and read no further, but not destroyed:
   * a server must still be able to answer on the socket that the source belongs to. Its owner drains or destroys it;
   * errors that it emits later are ignored here.
   * @returns its length and SHA-256, taken while the bytes flow.
   * @throws TooManyBytesError, ObjectExistsError, OutOfSpaceError, the signal's reason, or the source's own error.
   */
  putStream(key: string, source: Readable, options: StreamWriteOptions): Promise<ObjectDigest>;

  /**
   * Reads an object or a part of it. The stream must be read to its end or destroyed. An object that is removed while
   * it is read stays readable to that reader.
   * @param range inclusive byte positions, already resolved against the object's length by the caller; a range that
   * reaches outside the object is a programmer's error (InvariantError).
   * @throws ObjectMissingError when nothing is stored under the key.
   */
  read(key: string, range?: ByteRange): Promise<ObjectBody>;

  /** Length and time of last change, or undefined when nothing is stored under the key. */
  stat(key: string): Promise<ObjectStat | undefined>;

  /** Removes objects; keys that do not exist are no error. Durable on return as far as the medium allows. */
  remove(keys: readonly string[]): Promise<void>;

  /**
   * Every object whose key begins with `prefix` ({@link isObjectPrefix}; '' lists all), in no order promised. What is
   * written or removed meanwhile may or may not appear. For the janitor, scrubs and reports.
   */
  list(prefix: string): AsyncIterable<ObjectStat & { readonly key: string }>;

  /**
   * Optional: makes the object readable as a local, read-only file at the fresh `path`, without copying its bytes
   * where the medium can. Where absent, the caller copies from `read`.
   * @throws ObjectMissingError when nothing is stored under the key.
   */
  link?(key: string, path: string): Promise<void>;

  /**
   * Optional: lets whoever has the answer put one object of exactly `bytes` bytes, by HTTP, for `secondsMax`. It may be
   * put again within that time, so what lies under the key can change until then.
   */
  presignPut?(key: string, options: PresignedPutOptions): Promise<PresignedPut>;

  /** Optional: lets whoever has the URL read the object, by HTTP, for `secondsMax`. */
  presignGet?(key: string, options: { readonly secondsMax: number }): Promise<string>;

  /**
   * Optional: drops what unfinished writes left behind when their process died (staging files; in S3, multipart
   * uploads). For the janitor.
   * @param idleMsMin spare writes that moved within this time; must exceed the longest upload.
   * @returns how many were dropped.
   */
  sweepUnfinished?(idleMsMin: number): Promise<number>;

  /** Whether the store answers; throws with the reason when not. For readiness and `doctor`. */
  check(): Promise<void>;
}

export interface PresignedPutOptions {
  readonly bytes: number;
  /** 32 bytes; the store refuses others, where it looks. */
  readonly sha256?: Uint8Array | undefined;
  readonly secondsMax: number;
}

export interface PresignedPut {
  readonly url: string;
  /** To be sent with it as they are. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface WriteOptions {
  /** A media type of our own table, never the uploader's. */
  readonly contentType?: string;
}

export interface StreamWriteOptions extends WriteOptions {
  readonly bytesMax: number;
  /** Ends the write early; nothing is left behind. */
  readonly signal?: AbortSignal;
  /** Nobody but the store uses the source's chunks: it may free their memory without waiting for a collector. */
  readonly ownsChunks?: boolean;
}

export interface ObjectDigest {
  readonly bytes: number;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
}

/** Inclusive positions, counted from 0. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

export interface ObjectBody {
  /** Bytes in `stream`: the whole object's, or the range's. */
  readonly bytes: number;
  readonly stream: Readable;
}

export interface ObjectStat {
  readonly bytes: number;
  /** By the store's own clock, which need not be ours. */
  readonly changedAtMs: number;
}

/** The key is taken: a programmer's error, since keys are fresh. */
export class ObjectExistsError extends Error {
  override readonly name = 'ObjectExistsError';
}

/** Nothing is stored under the key. */
export class ObjectMissingError extends Error {
  override readonly name = 'ObjectMissingError';
}

/** The medium is full (ENOSPC, EDQUOT, or the store's own word for it). */
export class OutOfSpaceError extends Error {
  override readonly name = 'OutOfSpaceError';
}

/** The store does not answer, or refuses everybody: it is away, overloaded, misnamed, or denies the credentials. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  /** Tells it from a database's failure, whose words may be the same. */
  readonly code = 'STORE_UNAVAILABLE';
}

/** The source ran past `bytesMax`. */
export class TooManyBytesError extends Error {
  override readonly name = 'TooManyBytesError';
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    super(`the source exceeds ${bytesMax} bytes`);
    this.bytesMax = bytesMax;
  }
}

const KEY = /^[a-z0-9_]+(?:\/[a-z0-9_.-]+){1,5}$/;

const PREFIX = /^(?:[a-z0-9_-][a-z0-9_.-]*\/){0,5}(?:[a-z0-9_-][a-z0-9_.-]*)?$/;
const KEY_LENGTH_MAX = 200;

/** Whether `key` has the form `{tenant}/{kind}/{uuid}`: lower case, no dot segments, at most 200 characters. */
export function isObjectKey(key: string): boolean {
  return key.length <= KEY_LENGTH_MAX && KEY.test(key) && !key.split('/').some((part) => part.startsWith('.'));
}

/** Whether `prefix` can begin an object key: '', `{tenant}/`, `{tenant}/{kind}/` or any other beginning. */
export function isObjectPrefix(prefix: string): boolean {
  return prefix.length <= KEY_LENGTH_MAX && PREFIX.test(prefix);
}
