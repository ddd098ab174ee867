import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Bound } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import { AdaptiveLimit } from '../core/adaptive-limit.ts';
import type { Deadline } from '../core/deadline.ts';
import { newId } from '../core/ids.ts';
import { PlacesTakenError, TenantPlaces } from '../core/tenant-places.ts';
import { isConnectionLoss, type Transaction } from '../db/database.ts';
import { type Accepted, acceptImage, type Image } from '../images/index.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import { predictJob, type Rejection, readTransformation, type SourceFacts } from '../renditions/index.ts';
import { onUpload, type Principal, type Tenant } from '../tenants/index.ts';
import type { BudgetGuard } from './budget-guard.ts';
import { deadlineOf } from './deadline.ts';
import type { HttpDeps } from './deps.ts';
import { Paced, pacedBy } from './pace.ts';
import { ProblemError } from './problem.ts';
import { PartialUploadError, type Received, receive } from './receive.ts';
import type { Shedding } from './shedding.ts';
import { refuseAnimation, refuseFeature, refuseWrite } from './standing.ts';

/** Puts the bytes of the picture away as they flow, once. */
export type PutAway = (source: Readable, signal?: AbortSignal) => Promise<ObjectDigest>;

export interface UploadRequest {
  readonly tenant: Tenant;
  readonly principal: Principal;
  /** How the picture comes; absent: as the request's body. */
  readonly receive?: (put: PutAway) => Promise<Received>;
  /** Besides the node's own bound. */
  readonly bytesMax?: number | undefined;
  /** That are taken; absent: all. */
  readonly formats?: readonly string[] | undefined;
  readonly filename?: string | undefined;
  readonly tags?: (received: Received) => readonly string[];
  /** Undefined: as the tenant's settings have it. */
  readonly isPrivate?: (received: Received) => boolean | undefined;
  /** Called before acceptance with a digest of everything that makes the request what it is. */
  readonly onFingerprint?: (fingerprint: Uint8Array) => void;
  /** Called last inside the accepting transaction. */
  readonly finish?: (tx: Transaction, image: Image) => Promise<void>;
}

const FILENAME_CHARACTERS_MAX = 255;
/** From the last byte to the answer. */
const SETTLE_MS_LONG = 5_000;

/** The path of an upload: off the wire into the object store, through the probe, into the database. */
export class Uploads {
  readonly #deps: HttpDeps;
  readonly #places: TenantPlaces;
  readonly #shedding: Pick<Shedding, 'refuse'>;
  readonly #budgets: Pick<BudgetGuard, 'within'>;
  /** Uploads whose bytes are here and that are looked at and committed: who begins stands behind all of them. */
  readonly #settlingMax: AdaptiveLimit;
  #settling = 0;

  constructor(deps: HttpDeps, shedding: Pick<Shedding, 'refuse'>, budgets: Pick<BudgetGuard, 'within'>) {
    this.#deps = deps;
    this.#shedding = shedding;
    this.#budgets = budgets;
    this.#settlingMax = new AdaptiveLimit({ limitMax: deps.limits.uploadsMax, longMs: SETTLE_MS_LONG });
    this.#places = new TenantPlaces('uploads', deps.limits.uploadsMax);
  }

  get running(): number {
    return this.#places.taken;
  }

  /** @returns the accepted image; throws an error of the catalogue and leaves nothing behind otherwise. */
  async accept(request: FastifyRequest, upload: UploadRequest): Promise<Image> {
    return this.count(upload.tenant.tenantId, () => this.acceptCounted(request, upload));
  }

  /** Runs `read`, which reads an upload's body, as one of the uploads that may run at once. */
  async count<T>(tenantId: string, read: () => Promise<T>): Promise<T> {
    if (this.#deps.closing.aborted) throw new ProblemError('shutting_down');
    this.#shedding.refuse('upload');
    const { limit } = this.#settlingMax;
    if (this.#settling >= limit) {
      throw new PlacesTakenError({ name: 'uploadsSettlingMax', limit, actual: this.#settling });
    }
    const giveBack = this.#places.take(tenantId);
    try {
      return await read();
    } finally {
      giveBack();
    }
  }

  /** For a request that `count` counts already. */
  async acceptCounted(request: FastifyRequest, upload: UploadRequest): Promise<Image> {
    const { tenant } = upload;
    refuseWrite(tenant);
    request.billedTo = tenant.tenantId;
    return this.#budgets.within(tenant.tenantId, () => this.#acceptWithin(request, upload));
  }

  /** Where the budget of the tenant is not known to be used up. */
  async #acceptWithin(request: FastifyRequest, upload: UploadRequest): Promise<Image> {
    const { clock, hint, metrics } = this.#deps;
    const objectKey = `${upload.tenant.tenantId}/original/${newId('object', clock)}`;
    const received = await this.#receive(request, objectKey, upload);
    let accepted: Accepted;
    let isAtCommit = false;
    const finish = async (tx: Transaction, image: Image) => {
      await upload.finish?.(tx, image);
      isAtCommit = true;
    };
    try {
      upload.onFingerprint?.(fingerprintOf(request, received));
      accepted = await this.#settle(request, { ...upload, finish }, objectKey, received);
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

  async #receive(request: FastifyRequest, objectKey: string, upload: UploadRequest): Promise<Received> {
    const { store, limits, clock } = this.#deps;
    const bytesMax = Math.min(limits.uploadBytesMax, upload.bytesMax ?? limits.uploadBytesMax);
    const put: PutAway = (source, signal) =>
      store.putStream(objectKey, source, { bytesMax, ...(signal && { signal }), ownsChunks: true });
    try {
      if (upload.receive) return await upload.receive(put);
      const { uploadIdleMs: idleMs, uploadRateMin: rateMin } = limits;
      const pace = request.paces?.bytesIn;
      const paced = pace && new Paced(pace, clock);
      const slowed: PutAway = (source, signal) => put(paced ? pacedBy(paced, source) : source, signal);
      return await receive(request.raw, { clock, bytesMax, idleMs, rateMin, put: slowed, held: paced });
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

  /** What comes after the last byte, for as long as somebody waits for it: else nothing is left behind. */
  async #settle(
    request: FastifyRequest,
    upload: UploadRequest,
    objectKey: string,
    received: Received,
  ): Promise<Accepted> {
    const { clock } = this.#deps;
    const deadline = deadlineOf(request, this.#deps);
    const since = clock.monotonic();
    this.#settling += 1;
    try {
      return await this.#commit(request, upload, objectKey, received, deadline);
    } catch (error) {
      throw deadline.leftMs() <= 0 && isCancelled(error) ? new ProblemError('deadline_passed') : error;
    } finally {
      deadline.end();
      this.#settlingMax.note(clock.monotonic() - since, this.#settling);
      this.#settling -= 1;
    }
  }

  async #commit(
    request: FastifyRequest,
    upload: UploadRequest,
    objectKey: string,
    received: Received,
    deadline: Deadline,
  ): Promise<Accepted> {
    const { clock, database } = this.#deps;
    const { bytes, sha256 } = received.digest;
    if (bytes === 0) throw new ProblemError('image_invalid', { detail: 'The image is empty.' });
    const probed = await this.#deps.probe(objectKey, deadline.signal);
    if (!probed.ok) throw rejectionProblem(probed.rejection);
    const { format } = probed.facts;
    if (upload.formats && !upload.formats.includes(format))
      throw new ProblemError('image_format_unsupported', { detail: `This upload takes no ${format}.` });
    refuseAnimation(upload.tenant, probed.facts);
    const isPrivate = upload.isPrivate?.(received) ?? upload.tenant.settings.visibility === 'private';
    if (isPrivate) refuseFeature(upload.tenant, 'private_images');
    const { presets } = upload.tenant;
    refuseHeavy(probed.facts, onUpload(presets), this.#deps.limits.jobBytesMax);
    deadline.signal.throwIfAborted();
    const traceparent = request.headers.traceparent;
    return acceptImage(
      database.within(deadline),
      clock,
      {
        tenantId: upload.tenant.tenantId,
        objectKey,
        bytes,
        sha256,
        facts: probed.facts,
        presets,
        filename: cleanFilename(upload.filename ?? received.filename),
        tags: upload.tags?.(received) ?? [],
        isPrivate,
        storedBytesMax: upload.tenant.plan.limits.storedBytesMax,
        actor: upload.principal.actor,
        address: request.ip,
        ...(typeof traceparent === 'string' && { traceparent: traceparent.slice(0, 55) }),
      },
      upload.finish,
    );
  }
}

/** Whether PostgreSQL ended a statement because its time was up. */
function isCancelled(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === '57014';
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
function refuseHeavy(facts: SourceFacts, transformations: readonly string[], jobBytesMax: number): void {
  const { bytes } = predictJob(facts, transformations.map(readTransformation));
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
