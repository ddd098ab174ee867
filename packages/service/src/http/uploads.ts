import { createHash } from 'node:crypto';
import { type Bound, PRESETS } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import { newId } from '../core/ids.ts';
import { TenantPlaces } from '../core/tenant-places.ts';
import { isConnectionLoss, type Transaction } from '../db/database.ts';
import { type Accepted, acceptImage, type Image } from '../images/index.ts';
import { predictJob, type Rejection, readTransformation, type SourceFacts } from '../renditions/index.ts';
import type { Principal, Tenant } from '../tenants/index.ts';
import type { HttpDeps } from './deps.ts';
import { ProblemError } from './problem.ts';
import { PartialUploadError, type Received, receive } from './receive.ts';

export interface UploadRequest {
  readonly tenant: Tenant;
  readonly principal: Principal;
  readonly filename?: string | undefined;
  readonly tags?: (received: Received) => readonly string[];
  /** Called before acceptance with a digest of everything that makes the request what it is. */
  readonly onFingerprint?: (fingerprint: Uint8Array) => void;
  /** Called last inside the accepting transaction. */
  readonly finish?: (tx: Transaction, image: Image) => Promise<void>;
}

const FILENAME_CHARACTERS_MAX = 255;

/** The path of an upload: off the wire into the object store, through the probe, into the database. */
export class Uploads {
  readonly #deps: HttpDeps;
  readonly #places: TenantPlaces;

  constructor(deps: HttpDeps) {
    this.#deps = deps;
    this.#places = new TenantPlaces('uploads', deps.limits.uploadsMax);
  }

  get running(): number {
    return this.#places.taken;
  }

  /** @returns the accepted image; throws an error of the catalogue and leaves nothing behind otherwise. */
  async accept(request: FastifyRequest, upload: UploadRequest): Promise<Image> {
    return this.count(upload.tenant.tenantId, () => this.#accept(request, upload));
  }

  /** Runs `read`, which reads an upload's body, as one of the uploads that may run at once. */
  async count<T>(tenantId: string, read: () => Promise<T>): Promise<T> {
    if (this.#deps.closing.aborted) throw new ProblemError('shutting_down');
    const giveBack = this.#places.take(tenantId);
    try {
      return await read();
    } finally {
      giveBack();
    }
  }

  async #accept(request: FastifyRequest, upload: UploadRequest): Promise<Image> {
    const { clock, hint, metrics } = this.#deps;
    const objectKey = `${upload.tenant.tenantId}/original/${newId('object', clock)}`;
    const received = await this.#receive(request, objectKey);
    let accepted: Accepted;
    let isAtCommit = false;
    const finish = async (tx: Transaction, image: Image) => {
      await upload.finish?.(tx, image);
      isAtCommit = true;
    };
    try {
      upload.onFingerprint?.(fingerprintOf(request, received));
      accepted = await this.#commit(request, { ...upload, finish }, objectKey, received);
    } catch (error) {
      // The fate of a commit whose answer was lost is unknown: an original may stand on the object, which then must
      // too, since the repeat of the upload will be found to be its duplicate. The janitor sweeps what no row names.
      if (!(isAtCommit && isConnectionLoss(error))) await this.#drop(objectKey);
      throw error;
    }
    if (accepted.duplicate) await this.#drop(objectKey);
    metrics.uploadBytes.inc(received.digest.bytes);
    hint('jobs');
    hint('events');
    return accepted.image;
  }

  async #receive(request: FastifyRequest, objectKey: string): Promise<Received> {
    const { store, limits, clock } = this.#deps;
    try {
      return await receive(request.raw, {
        clock,
        bytesMax: limits.uploadBytesMax,
        idleMs: limits.uploadIdleMs,
        rateMin: limits.uploadRateMin,
        put: (source, signal) =>
          store.putStream(objectKey, source, { bytesMax: limits.uploadBytesMax, signal, ownsChunks: true }),
      });
    } catch (error) {
      if (!(error instanceof PartialUploadError)) throw error;
      await this.#drop(objectKey);
      throw error.cause;
    }
  }

  /** At once; what a crash leaves instead is swept by the janitor. */
  async #drop(objectKey: string): Promise<void> {
    await this.#deps.store.remove([objectKey]).catch(() => undefined);
  }

  async #commit(
    request: FastifyRequest,
    upload: UploadRequest,
    objectKey: string,
    received: Received,
  ): Promise<Accepted> {
    const { clock, database } = this.#deps;
    const { bytes, sha256 } = received.digest;
    if (bytes === 0) throw new ProblemError('image_invalid', { detail: 'The image is empty.' });
    const probed = await this.#deps.probe(objectKey);
    if (!probed.ok) throw rejectionProblem(probed.rejection);
    refuseHeavy(probed.facts, this.#deps.limits.jobBytesMax);
    const traceparent = request.headers.traceparent;
    return acceptImage(
      database,
      clock,
      {
        tenantId: upload.tenant.tenantId,
        objectKey,
        bytes,
        sha256,
        facts: probed.facts,
        filename: cleanFilename(upload.filename ?? received.filename),
        tags: upload.tags?.(received) ?? [],
        actor: upload.principal.actor,
        address: request.ip,
        ...(typeof traceparent === 'string' && { traceparent: traceparent.slice(0, 55) }),
      },
      upload.finish,
    );
  }
}

/** What makes two uploads the same request: route and query, the bytes, the name and the fields. */
export function fingerprintOf(request: FastifyRequest, { digest, filename, fields }: Received): Uint8Array {
  const told = JSON.stringify([request.method, request.url, filename ?? null, [...fields].sort()]);
  return createHash('sha256').update(digest.sha256).update(told).digest();
}

function cleanFilename(name: string | undefined): string | undefined {
  // Some clients send a whole path; control characters serve nobody, and NUL or half a character cannot be stored.
  const last = name
    ?.replaceAll(/\p{Cc}/gu, '')
    .split(/[\\/]/)
    .at(-1)
    ?.trim();
  return last ? last.slice(0, FILENAME_CHARACTERS_MAX).toWellFormed() : undefined;
}

/** A picture that could never be rendered here is refused now, not later. */
function refuseHeavy(facts: SourceFacts, jobBytesMax: number): void {
  const { bytes } = predictJob(facts, Object.values(PRESETS).map(readTransformation));
  if (bytes <= jobBytesMax) return;
  const bound = { name: 'jobBytesMax', limit: jobBytesMax, actual: bytes };
  throw new ProblemError('image_too_large', {
    detail: 'To decode the picture would take more memory than allowed.',
    bound,
  });
}

const REJECTION_PROBLEMS = {
  not_an_image: 'image_invalid',
  corrupt_header: 'image_invalid',
  truncated: 'image_invalid',
  unsafe_svg: 'image_invalid',
  unsupported_format: 'image_format_unsupported',
  too_many_pixels: 'image_too_large',
  too_many_frames: 'image_too_large',
  side_too_long: 'image_too_large',
  svg_too_long: 'image_too_large',
} as const satisfies Record<Rejection['code'], string>;

function rejectionProblem(rejection: Rejection): ProblemError {
  const bound: Bound | undefined = rejection.bound;
  return new ProblemError(REJECTION_PROBLEMS[rejection.code], {
    detail: rejection.message,
    ...(bound && { bound }),
    cause: { code: rejection.code, message: rejection.message },
  });
}
