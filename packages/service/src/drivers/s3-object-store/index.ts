import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../../core/clock.ts';
import { newId } from '../../core/ids.ts';
import { invariant } from '../../core/invariant.ts';
import {
  type ByteRange,
  isObjectKey,
  isObjectPrefix,
  type ObjectBody,
  type ObjectDigest,
  type ObjectStat,
  type ObjectStore,
  OutOfSpaceError,
  type PresignedPut,
  type PresignedPutOptions,
  type StreamWriteOptions,
  type WriteOptions,
} from '../../ports/object-store.ts';
import { Bucket } from './bucket.ts';
import type { S3Access } from './client.ts';
import { ObjectBodyStream } from './object-body.ts';
import { PartSource } from './part-source.ts';
import { PartUploads, partBytesFor } from './parts.ts';
import { presignGet, presignPut } from './presign.ts';
import type { S3Observer } from './requests.ts';

/** Not DeleteObjects, which stores disagree on: some want a checksum that others refuse, and Google's has none. */
const REMOVALS_AT_ONCE = 8;
/** Readiness waits two seconds for all of its checks. */
const CHECK_MS_MAX = 1_500;
const CHECK_PREFIX = 'system/check';

export interface S3ObjectStoreOptions extends S3Access {
  readonly bucket: string;
  /** Goes before every key: several stores can share a bucket. */
  readonly prefix?: string | undefined;
  readonly clock?: Clock;
  readonly observer?: S3Observer | undefined;
}

/**
 * Objects in a bucket of S3 or of a store that speaks its protocol. Keys are the port's, after the prefix. The bucket
 * must keep no old versions: what is removed there is to be gone. Writes are conditional (`If-None-Match: *`) where the
 * store has that; elsewhere, and for streams of several parts, a key is looked at before it is written.
 * @throws StoreUnavailableError with the reason when the bucket cannot be used, except for want of space.
 */
export async function openS3ObjectStore(options: S3ObjectStoreOptions): Promise<ObjectStore> {
  const clock = options.clock ?? systemClock;
  const store = new S3ObjectStore(new Bucket({ ...options, clock }), clock);
  await store.prepare();
  return store;
}

class S3ObjectStore implements ObjectStore {
  readonly #bucket: Bucket;
  readonly #clock: Clock;
  readonly #parts: PartUploads;

  constructor(bucket: Bucket, clock: Clock) {
    this.#bucket = bucket;
    this.#clock = clock;
    this.#parts = new PartUploads(bucket, clock);
  }

  async prepare(): Promise<void> {
    const key = this.#checkKey();
    try {
      await this.#bucket.probeConditions(key);
      await this.#bucket.delete(key);
    } catch (error) {
      // A full store must not keep a node from delivering what it holds; readiness reports it.
      if (!(error instanceof OutOfSpaceError)) throw error;
    }
  }

  async put(key: string, body: Uint8Array, options: WriteOptions = {}): Promise<void> {
    await this.#bucket.put(checked(key), body, options);
  }

  async putStream(key: string, source: Readable, options: StreamWriteOptions): Promise<ObjectDigest> {
    checked(key);
    const partBytes = partBytesFor(options.bytesMax);
    const parts = new PartSource(source, options, partBytes);
    const { contentType, signal } = options;
    const upload = { key, signal, ...(contentType !== undefined && { contentType }) };
    try {
      const first = await parts.next();
      if (first.byteLength < partBytes) await this.#bucket.put(key, first, upload);
      else await this.#parts.store(upload, first, parts);
      return parts.digest();
    } catch (error) {
      parts.fail(error);
      throw error;
    }
  }

  async read(key: string, range?: ByteRange): Promise<ObjectBody> {
    checked(key);
    if (range) checkRange(range);
    const { bytes, stream, etag } = await this.#bucket.get(key, range);
    const first = range?.first ?? 0;
    if (range && bytes !== range.last - first + 1) {
      stream.destroy();
      invariant(false, `the range ${first}-${range.last} is not within ${key}`);
    }
    const resume = async (position: number) => {
      const rest = { first: first + position, last: first + bytes - 1 };
      return (await this.#bucket.get(key, rest, etag)).stream;
    };
    return { bytes, stream: new ObjectBodyStream({ source: stream, bytes, resume }) };
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    const head = await this.#bucket.head(checked(key));
    return head && { bytes: head.bytes, changedAtMs: head.changedAtMs };
  }

  async remove(keys: readonly string[]): Promise<void> {
    const left = keys.map(checked);
    const removeNext = async (): Promise<void> => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await this.#bucket.delete(key);
    };
    await Promise.all(Array.from({ length: REMOVALS_AT_ONCE }, removeNext));
  }

  async *list(prefix: string): AsyncGenerator<ObjectStat & { readonly key: string }> {
    invariant(isObjectPrefix(prefix), `not the beginning of an object key: ${JSON.stringify(prefix)}`);
    yield* this.#bucket.list(prefix);
  }

  async presignPut(key: string, options: PresignedPutOptions): Promise<PresignedPut> {
    return presignPut(this.#bucket, checked(key), options);
  }

  async presignGet(key: string, { secondsMax }: { readonly secondsMax: number }): Promise<string> {
    return presignGet(this.#bucket, checked(key), secondsMax);
  }

  async sweepUnfinished(idleMsMin: number): Promise<number> {
    return await this.#parts.sweep(idleMsMin);
  }

  /** Goes the way of an object: put, remove. */
  async check(): Promise<void> {
    const key = this.#checkKey();
    const once = { triesMax: 1, msMax: CHECK_MS_MAX };
    await this.#bucket.put(key, Buffer.from('probe'), once);
    await this.#bucket.delete(key, once);
  }

  #checkKey(): string {
    return `${CHECK_PREFIX}/${newId('object', this.#clock)}`;
  }
}

function checked(key: string): string {
  invariant(isObjectKey(key), `not an object key: ${JSON.stringify(key)}`);
  return key;
}

function checkRange({ first, last }: ByteRange): void {
  const isRange = Number.isSafeInteger(first) && Number.isSafeInteger(last) && 0 <= first && first <= last;
  invariant(isRange, `${first}-${last} is no range of bytes`);
}
