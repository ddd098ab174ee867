import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  type MultipartUpload,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Clock } from '../../core/clock.ts';
import { invariant } from '../../core/invariant.ts';
import { ObjectExistsError, type WriteOptions } from '../../ports/object-store.ts';
import { type Bucket, writeMsMax } from './bucket.ts';
import { UploadGoneError } from './failures.ts';
import type { PartSource } from './part-source.ts';

/** The least that S3 takes of a part, but for the last. */
const PART_BYTES_MIN = 5 * 1024 * 1024;
const PARTS_MAX = 10_000;
/** Of one upload. The next part grows only when fewer are under way: two parts are in memory, not three. */
const PARTS_AT_ONCE = 2;
/** A store joins thousands of parts before it answers. */
const COMPLETE_MS_MAX = 60_000;

/** The size of parts by which a source of `bytesMax` can be stored. */
export function partBytesFor(bytesMax: number): number {
  return Math.max(PART_BYTES_MIN, Math.ceil(bytesMax / PARTS_MAX));
}

interface Upload extends WriteOptions {
  readonly key: string;
  readonly signal: AbortSignal | undefined;
}

/** Multipart uploads: of sources that are longer than one part, and what dead processes left of theirs. */
export class PartUploads {
  readonly #bucket: Bucket;
  readonly #clock: Clock;
  readonly #running = new Set<string>();

  constructor(bucket: Bucket, clock: Clock) {
    this.#bucket = bucket;
    this.#clock = clock;
  }

  /** Stores a source whose first part has been read. On failure the store is told to drop what it has of it. */
  async store(upload: Upload, first: Uint8Array, source: PartSource): Promise<void> {
    const mark = this.#bucket.newMark();
    const uploadId = await this.#begin(upload, mark);
    this.#running.add(uploadId);
    try {
      const parts = await this.#sendAll(upload, uploadId, first, source);
      if (await this.#bucket.head(upload.key)) throw new ObjectExistsError(`an object stands at ${upload.key}`);
      await this.#complete(upload, uploadId, parts, mark);
    } catch (error) {
      source.fail(error);
      // What cannot be dropped now is swept by the janitor; the failure that led here is the one to report.
      await this.#drop(upload.key, uploadId).catch(() => undefined);
      throw error;
    } finally {
      this.#running.delete(uploadId);
    }
  }

  /** Drops uploads of other, dead processes of which no part has come for `idleMsMin`. */
  async sweep(idleMsMin: number): Promise<number> {
    let swept = 0;
    for await (const { UploadId = '', Key, Initiated } of this.#unfinished()) {
      if (this.#running.has(UploadId) || !this.#isIdle(Initiated, idleMsMin)) continue;
      const key = this.#bucket.keyOf({ Key });
      try {
        if (!this.#isIdle(await this.#lastPartAt(key, UploadId), idleMsMin)) continue;
        await this.#drop(key, UploadId);
        swept += 1;
      } catch (error) {
        // Ended meanwhile, by its owner or another janitor.
        if (!(error instanceof UploadGoneError)) throw error;
      }
    }
    return swept;
  }

  /** A time ahead of the clock is as far off as one behind: the clock was set back, and the rest must still go. */
  #isIdle(at: Date | undefined, idleMsMin: number): boolean {
    return at === undefined || Math.abs(this.#clock.now() - at.getTime()) > idleMsMin;
  }

  async #begin({ key, contentType, signal }: Upload, mark: Record<string, string>): Promise<string> {
    const { requests, client } = this.#bucket;
    const { UploadId } = await requests.send(key, { msMax: writeMsMax(0), signal }, (abortSignal) =>
      client.send(
        new CreateMultipartUploadCommand({
          ...this.#bucket.at(key),
          Metadata: mark,
          ...(contentType !== undefined && { ContentType: contentType }),
        }),
        { abortSignal },
      ),
    );
    invariant(UploadId, 'a store names the upload that it begins');
    return UploadId;
  }

  async #sendAll(upload: Upload, uploadId: string, first: Uint8Array, source: PartSource): Promise<CompletedPart[]> {
    const done: CompletedPart[] = [];
    const underWay = new Set<Promise<void>>();
    const send = (number: number, part: Uint8Array) => {
      const sending = this.#send(upload, uploadId, number, part)
        .then((etag) => {
          done.push({ PartNumber: number, ETag: etag });
        })
        // Ends the wait for the next part, which a client may take long to send.
        .catch((error: unknown) => source.fail(error))
        .finally(() => underWay.delete(sending));
      underWay.add(sending);
    };
    try {
      let number = 0;
      for (let part = first; part.byteLength > 0; part = await source.next()) {
        number += 1;
        send(number, part);
        if (underWay.size >= PARTS_AT_ONCE) await Promise.race(underWay);
      }
    } finally {
      await Promise.all(underWay);
    }
    // A part that failed after the source's end.
    source.throwIfFailed();
    return done.sort((one, other) => (one.PartNumber ?? 0) - (other.PartNumber ?? 0));
  }

  async #send({ key, signal }: Upload, uploadId: string, number: number, part: Uint8Array): Promise<string> {
    const { requests, client } = this.#bucket;
    const limits = { msMax: writeMsMax(part.byteLength), signal };
    const { ETag } = await requests.send(key, limits, (abortSignal) =>
      client.send(
        new UploadPartCommand({
          ...this.#bucket.at(key),
          UploadId: uploadId,
          PartNumber: number,
          Body: part,
          ContentLength: part.byteLength,
        }),
        { abortSignal },
      ),
    );
    invariant(ETag !== undefined, 'a store tags the parts that it takes');
    return ETag;
  }

  async #complete(
    { key, signal }: Upload,
    uploadId: string,
    parts: CompletedPart[],
    mark: ReturnType<Bucket['newMark']>,
  ): Promise<void> {
    const { requests, client } = this.#bucket;
    try {
      await requests.send(key, { msMax: COMPLETE_MS_MAX, signal }, (abortSignal) =>
        client.send(
          new CompleteMultipartUploadCommand({
            ...this.#bucket.at(key),
            UploadId: uploadId,
            MultipartUpload: { Parts: parts },
          }),
          { abortSignal },
        ),
      );
    } catch (error) {
      // The first answer was lost, and the repeat finds the upload completed.
      if (!(error instanceof UploadGoneError && (await this.#bucket.holds(key, mark)))) throw error;
    }
  }

  async #drop(key: string, uploadId: string): Promise<void> {
    const { requests, client } = this.#bucket;
    // Once: somebody waits for the failure that led here, and the janitor comes again.
    await requests.send(key, { msMax: writeMsMax(0), triesMax: 1 }, (abortSignal) =>
      client.send(new AbortMultipartUploadCommand({ ...this.#bucket.at(key), UploadId: uploadId }), { abortSignal }),
    );
  }

  async *#unfinished(): AsyncGenerator<MultipartUpload> {
    const { requests, client } = this.#bucket;
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (marker) {
      const after: typeof marker = marker;
      const page: ListMultipartUploadsCommandOutput = await requests.send('', { msMax: writeMsMax(0) }, (abortSignal) =>
        client.send(new ListMultipartUploadsCommand({ ...this.#bucket.below(''), ...after }), { abortSignal }),
      );
      yield* page.Uploads ?? [];
      const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
      marker = IsTruncated && KeyMarker ? { KeyMarker, ...(UploadIdMarker && { UploadIdMarker }) } : undefined;
    }
  }

  /** When the last part of an upload came, of the thousand that a store lists at once; undefined when none came. */
  async #lastPartAt(key: string, uploadId: string): Promise<Date | undefined> {
    const { requests, client } = this.#bucket;
    const { Parts = [] } = await requests.send(key, { msMax: writeMsMax(0) }, (abortSignal) =>
      client.send(new ListPartsCommand({ ...this.#bucket.at(key), UploadId: uploadId }), { abortSignal }),
    );
    return Parts.at(-1)?.LastModified;
  }
}
