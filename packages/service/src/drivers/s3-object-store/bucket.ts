import type { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type _Object as ListedObject,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Clock } from '../../core/clock.ts';
import { invariant } from '../../core/invariant.ts';
import {
  type ByteRange,
  ObjectExistsError,
  ObjectMissingError,
  type ObjectStat,
  type WriteOptions,
} from '../../ports/object-store.ts';
import { connectS3, type S3Access } from './client.ts';
import { NotOfferedError } from './failures.ts';
import { Hedge } from './hedge.ts';
import { Requests, type S3Observer } from './requests.ts';

/** Until the first byte of an answer. Far over what any store takes that is well. */
const ANSWER_MS_MAX = 5_000;
/** A body goes out at this pace at least, on top. */
const WRITE_BYTES_PER_MS_MIN = 100;
/** Tells a put that was sent twice, because its first answer was lost, from somebody else's under the same key. */
const WRITE_MARK = 'safelight-write';
const MARK_BYTES = 12;
/** The most that stores tell at once; some tell fewer. */
const LISTED_AT_ONCE_MAX = 1_000;
const HTTP_PRECISION_MS = 1_000;

export interface BucketOptions extends S3Access {
  readonly bucket: string;
  /** Goes before every key, with a slash. */
  readonly prefix?: string | undefined;
  readonly clock: Clock;
  readonly observer?: S3Observer | undefined;
}

export interface PutOptions extends WriteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly triesMax?: number;
  readonly msMax?: number;
}

interface Answered {
  readonly bytes: number;
  readonly stream: Readable;
  readonly etag: string | undefined;
}

interface Head extends ObjectStat {
  /** The mark of the write that made the object. */
  readonly mark: string | undefined;
}

/** Requests to one bucket, below one prefix, in the port's terms: each within its time, repeated where that may help. */
export class Bucket {
  readonly client: S3Client;
  readonly requests: Requests;
  readonly name: string;
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #hedge: Hedge;
  /** Cleared when the store turns out to have no conditional put. */
  #hasConditions = true;

  constructor(options: BucketOptions) {
    const { clock, bucket, prefix, endpoint, region, observer } = options;
    const { client, dropIdle } = connectS3(options);
    this.client = client;
    this.name = bucket;
    this.#clock = clock;
    this.#prefix = prefix === undefined ? '' : `${prefix}/`;
    this.#hedge = new Hedge(clock, observer?.onHedge);
    const where = `the bucket ${bucket} at ${endpoint ?? `AWS, region ${region}`}`;
    this.requests = new Requests({ clock, where, onSilence: dropIdle, observer });
  }

  /** What every request says of its object. */
  at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.name, Key: this.#prefix + key };
  }

  /** A mark for one write, kept with its object. */
  newMark(): { readonly [WRITE_MARK]: string } {
    return { [WRITE_MARK]: Buffer.from(this.#clock.bytes(MARK_BYTES)).toString('hex') };
  }

  /** Learns whether the store refuses to overwrite, by trying it on `key`; leaves an object there. */
  async probeConditions(key: string): Promise<void> {
    await this.put(key, Buffer.from('probe'), {});
    try {
      await this.#put(key, Buffer.from('probe'), {}, this.newMark());
      this.#hasConditions = false;
    } catch (error) {
      if (!(error instanceof ObjectExistsError)) throw error;
    }
  }

  /** @throws ObjectExistsError when the key is taken. */
  async put(key: string, body: Uint8Array, options: PutOptions): Promise<void> {
    if (!this.#hasConditions && (await this.head(key))) throw new ObjectExistsError(`an object stands at ${key}`);
    const mark = this.newMark();
    try {
      await this.#put(key, body, options, mark);
    } catch (error) {
      if (error instanceof NotOfferedError && this.#hasConditions) {
        this.#hasConditions = false;
        return this.put(key, body, options);
      }
      if (!(error instanceof ObjectExistsError && (await this.holds(key, mark)))) throw error;
    }
  }

  /** Whether the write of `mark` made the object at `key`. */
  async holds(key: string, mark: { readonly [WRITE_MARK]: string }): Promise<boolean> {
    return (await this.head(key))?.mark === mark[WRITE_MARK];
  }

  async #put(
    key: string,
    body: Uint8Array,
    { contentType, signal, triesMax, msMax }: PutOptions,
    mark: Record<string, string>,
  ): Promise<void> {
    const limits = { msMax: msMax ?? writeMsMax(body.byteLength), signal, ...(triesMax !== undefined && { triesMax }) };
    await this.requests.send(key, limits, (abortSignal) =>
      this.client.send(
        new PutObjectCommand({
          ...this.at(key),
          Body: body,
          ContentLength: body.byteLength,
          Metadata: mark,
          ...(contentType !== undefined && { ContentType: contentType }),
          ...(this.#hasConditions && { IfNoneMatch: '*' }),
        }),
        { abortSignal },
      ),
    );
  }

  /** @param etag of the object that the range must be of, when its beginning was read before. */
  async get(key: string, range?: ByteRange, etag?: string): Promise<Answered> {
    const command = () =>
      new GetObjectCommand({
        ...this.at(key),
        ...(range && { Range: `bytes=${range.first}-${range.last}` }),
        ...(etag !== undefined && { IfMatch: etag }),
      });
    const output = await this.requests
      .retry(key, {}, () =>
        this.#hedge.run(
          (signal) =>
            this.requests.within({ msMax: ANSWER_MS_MAX, signal }, (abortSignal) =>
              this.client.send(command(), { abortSignal }),
            ),
          (late) => streamOf(late).destroy(),
        ),
      )
      .catch((error: unknown) => {
        if (!(error instanceof ObjectExistsError)) throw error;
        throw new ObjectMissingError(`another object stands at ${key} by now`, { cause: error });
      });
    return { bytes: output.ContentLength ?? 0, stream: streamOf(output), etag: output.ETag };
  }

  async head(key: string): Promise<Head | undefined> {
    try {
      const output = await this.requests.send(key, { msMax: ANSWER_MS_MAX }, (abortSignal) =>
        this.client.send(new HeadObjectCommand(this.at(key)), { abortSignal }),
      );
      return { ...statOf(output.ContentLength, output.LastModified), mark: output.Metadata?.[WRITE_MARK] };
    } catch (error) {
      if (error instanceof ObjectMissingError) return undefined;
      throw error;
    }
  }

  async delete(key: string, options: Pick<PutOptions, 'triesMax' | 'msMax'> = {}): Promise<void> {
    await this.requests.send(key, { msMax: ANSWER_MS_MAX, ...options }, (abortSignal) =>
      this.client.send(new DeleteObjectCommand(this.at(key)), { abortSignal }),
    );
  }

  async *list(prefix: string): AsyncGenerator<ObjectStat & { readonly key: string }> {
    let token: string | undefined;
    do {
      const page = await this.requests.send(prefix, { msMax: ANSWER_MS_MAX }, (abortSignal) =>
        this.client.send(
          new ListObjectsV2Command({
            ...this.below(prefix),
            MaxKeys: LISTED_AT_ONCE_MAX,
            ...(token !== undefined && { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      );
      for (const listed of page.Contents ?? [])
        yield { key: this.keyOf(listed), ...statOf(listed.Size, listed.LastModified) };
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /** The port's key of what the store lists. */
  keyOf({ Key = '' }: Pick<ListedObject, 'Key'>): string {
    return Key.slice(this.#prefix.length);
  }

  /** The store's name for keys that begin with `prefix`. */
  below(prefix: string): { readonly Bucket: string; readonly Prefix: string } {
    return { Bucket: this.name, Prefix: this.#prefix + prefix };
  }
}

/** How long a request may take that carries `bytes`. */
export function writeMsMax(bytes: number): number {
  return ANSWER_MS_MAX + bytes / WRITE_BYTES_PER_MS_MIN;
}

/** HEAD tells whole seconds, as HTTP does, and lists tell milliseconds: both are told the same. */
function statOf(bytes: number | undefined, changedAt: Date | undefined): ObjectStat {
  invariant(bytes !== undefined && changedAt, 'a store tells length and time of its objects');
  return { bytes, changedAtMs: Math.floor(changedAt.getTime() / HTTP_PRECISION_MS) * HTTP_PRECISION_MS };
}

function streamOf({ Body }: GetObjectCommandOutput): Readable {
  invariant(Body, 'an answer to GET has a body');
  return Body as Readable;
}
