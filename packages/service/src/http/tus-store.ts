import type { Readable } from 'node:stream';
import { DataStore, type Lock, type Locker, type Upload as TusUpload } from '@tus/server';
import type { FastifyRequest } from 'fastify';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import { addPart, listParts, openUpload, removeUpload, type UploadInProgress } from '../uploads/index.ts';
import type { HttpContext } from './context.ts';
import { finishStaged } from './finish-upload.ts';
import { pieces } from './pieces.ts';
import { ProblemError } from './problem.ts';
import { readTags, readVisibility } from './tags.ts';
import { refuseRefused, theirUpload } from './their-upload.ts';
import { TUS_EXTENSIONS } from './tus-version.ts';
import { UPLOAD_LEASE_SECONDS, UploadLease } from './upload-lease.ts';
import type { Uploader } from './uploader.ts';

/** What one object of staging has at most: what a killed server loses of a request that had no end yet. */
const PIECE_BYTES_MAX = 8 * 2 ** 20;
const LIFE_SECONDS = 24 * 60 * 60;
const METADATA_CHARACTERS_MAX = 4_096;
const SHA256 = /^[0-9a-f]{64}$/;

/**
 * Where one request of the tus protocol keeps what it is sent, as the library asks for it. Each piece is an object of its
 * own, counted by a row once it is durable. The last one is not counted but accepted together with all others: an upload
 * whose offset is its length is an image, and one whose server died before that goes on where the last piece began.
 */
export class TusStore extends DataStore implements Locker {
  override extensions = TUS_EXTENSIONS;
  readonly #context: HttpContext;
  readonly #request: FastifyRequest;
  readonly #uploader: Uploader;
  #lease: UploadLease | undefined;
  #upload: UploadInProgress | undefined;
  #giveUp: () => void = () => undefined;

  constructor(context: HttpContext, request: FastifyRequest, uploader: Uploader) {
    super();
    this.#context = context;
    this.#request = request;
    this.#uploader = uploader;
  }

  /** Of the upload, when it is finished. */
  get imageId(): string | undefined {
    return this.#upload?.imageId;
  }

  newId(): string {
    return newId('upload', this.#context.clock);
  }

  newLock(uploadId: string): Lock {
    return {
      lock: async (signal, giveUp) => {
        this.#giveUp = () => void giveUp();
        // An upload that is about to begin is nobody's yet, and begins held.
        if (this.#request.method === 'POST') return;
        const { tenantId } = await this.#find(uploadId);
        this.#lease = await UploadLease.take(this.#context, { tenantId, uploadId }, { signal, giveUp: this.#giveUp });
      },
      unlock: async () => this.#lease?.release(),
    };
  }

  override async create(file: TusUpload): Promise<TusUpload> {
    const { metadata, size } = file;
    const { tenant, token } = this.#uploader;
    if (!size) throw new ProblemError('image_invalid', { detail: 'The image is empty.' });
    if (JSON.stringify(metadata ?? {}).length > METADATA_CHARACTERS_MAX)
      throw new ProblemError('request_invalid', { detail: 'Upload-Metadata: is too long.' });
    const sha256 = metadata?.sha256 ?? undefined;
    if (sha256 !== undefined && !SHA256.test(sha256))
      throw new ProblemError('request_invalid', { detail: 'Upload-Metadata: sha256 has 64 hexadecimal digits.' });
    const opened = await openUpload(this.#context.database, {
      uploadId: file.id,
      tenantId: tenant.tenantId,
      kind: 'resumable',
      tokenId: token?.tokenId,
      bytes: size,
      sha256: sha256 === undefined ? undefined : Buffer.from(sha256, 'hex'),
      filename: metadata?.filename ?? undefined,
      isPrivate: token?.isPrivate ?? readVisibility(metadata?.visibility ?? undefined),
      tags: [...new Set([...readTags(metadata?.tags ?? undefined), ...(token?.tags ?? [])])],
      metadata,
      expiresInSeconds: LIFE_SECONDS,
      leaseSeconds: UPLOAD_LEASE_SECONDS,
    });
    this.#upload = opened.upload;
    this.#lease = new UploadLease(this.#context, opened.hold, this.#giveUp);
    file.creation_date = creationDate(opened.upload);
    return file;
  }

  override async getUpload(uploadId: string): Promise<TusUpload> {
    const upload = await this.#find(uploadId);
    refuseRefused(upload);
    return {
      id: uploadId,
      size: upload.bytes,
      sizeIsDeferred: false,
      offset: upload.received,
      metadata: upload.metadata && { ...upload.metadata },
      creation_date: creationDate(upload),
      storage: undefined,
    };
  }

  /** @returns the offset to which bytes are durable, however the source ended. */
  override async write(source: Readable, uploadId: string, offset: number): Promise<number> {
    const upload = this.#upload;
    invariant(upload && upload.uploadId === uploadId && this.#lease, 'an upload is held before it is written to');
    let at = offset;
    if (at === upload.bytes) return at;
    for await (const piece of pieces(source, Math.min(PIECE_BYTES_MAX, upload.bytes - at))) {
      at += await this.#keep(upload, this.#lease, at, piece);
      if (at === upload.bytes) break;
    }
    return at;
  }

  override async remove(uploadId: string): Promise<void> {
    invariant(this.#lease, `the upload ${uploadId} is held before it is removed`);
    const keys = await removeUpload(this.#context.database, this.#lease.hold);
    await this.#drop(keys);
  }

  override getExpiration(): number {
    return LIFE_SECONDS * 1000;
  }

  /** @returns how many bytes are durable now and were not before. */
  async #keep(upload: UploadInProgress, lease: UploadLease, first: number, piece: Readable): Promise<number> {
    const { store, database, clock } = this.#context;
    const objectKey = `${upload.tenantId}/upload/${newId('object', clock)}`;
    const { bytes }: ObjectDigest = await store.putStream(objectKey, piece, { bytesMax: PIECE_BYTES_MAX });
    try {
      if (first + bytes === upload.bytes) await this.#finish(upload, lease, objectKey);
      else if (bytes > 0) await addPart(database, lease.hold, { first, bytes, objectKey });
    } catch (error) {
      await this.#drop([objectKey]);
      throw error;
    }
    return bytes;
  }

  async #finish(upload: UploadInProgress, { hold }: UploadLease, lastKey: string): Promise<void> {
    const parts = await listParts(this.#context.database, upload.tenantId, upload.uploadId);
    const objectKeys = [...parts.map((part) => part.objectKey), lastKey];
    const finish = { uploader: this.#uploader, upload, hold, objectKeys };
    const { imageId } = await finishStaged(this.#context, this.#request, finish);
    this.#upload = { ...upload, state: 'finished', received: upload.bytes, imageId };
  }

  async #find(uploadId: string): Promise<UploadInProgress> {
    this.#upload = await theirUpload(this.#context, this.#uploader, uploadId, 'resumable');
    return this.#upload;
  }

  async #drop(objectKeys: readonly string[]): Promise<void> {
    await this.#context.store.remove(objectKeys).catch(() => undefined);
  }
}

/** The library counts from here. */
function creationDate({ expiresAt }: UploadInProgress): string {
  return new Date(expiresAt.getTime() - LIFE_SECONDS * 1000).toISOString();
}
