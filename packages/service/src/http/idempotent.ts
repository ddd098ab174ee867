import { createHash, timingSafeEqual } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Image as ImageResource } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import type { Transaction } from '../db/database.ts';
import {
  amendIdempotencyAnswer,
  finishIdempotencyKey,
  releaseIdempotencyKey,
  renewIdempotencyKey,
  takeIdempotencyKey,
} from '../images/index.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import { TooManyBytesError } from '../ports/object-store.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';
import { receive } from './receive.ts';
import { fingerprintOf } from './uploads.ts';

/** A node that died gives its keys back after this: long enough for two renewals to be lost. */
const LEASE_SECONDS = 30;
const RENEW_EVERY_MS = 10_000;

export type HeldKey =
  | { readonly state: 'answered'; readonly answer: ImageResource }
  | {
      readonly state: 'held';
      readonly setFingerprint: (fingerprint: Uint8Array) => void;
      readonly finish: (tx: Transaction, answer: ImageResource) => Promise<void>;
      /** What the request was answered in the end, after a wait. */
      readonly amend: (answer: ImageResource) => Promise<void>;
      readonly release: () => Promise<void>;
      /** Called when the request has ended, whichever way. */
      readonly letGo: () => void;
    };

/**
 * The Idempotency-Key of a request, taken before its body is read. A repeat while the first still runs is refused with
 * 409; one with another body with 422; after the end it gets the first answer. A failed request gives its key back.
 */
export async function takeKeyOf(
  context: HttpContext,
  request: FastifyRequest,
  caller: {
    readonly tenantId: string;
    /** The keys of an upload token's bearer are no other's. */
    readonly tokenId?: string | undefined;
    /** The body, where it was short enough to be read before. */
    readonly wish?: unknown;
  },
): Promise<HeldKey> {
  const { database } = context;
  const { tenantId, wish } = caller;
  const key = keyOf(request, caller.tokenId);
  const known = wish === undefined ? undefined : wishFingerprint(request, wish);
  if (key === undefined) {
    return {
      state: 'held',
      setFingerprint: () => undefined,
      finish: async () => undefined,
      amend: async () => undefined,
      release: async () => undefined,
      letGo: () => undefined,
    };
  }
  const taken = await takeIdempotencyKey(database, tenantId, key, LEASE_SECONDS);
  if (taken.state === 'running') {
    throw new ProblemError('idempotency_key_in_use', { retryAfterSeconds: taken.retryAfterSeconds });
  }
  if (taken.state === 'erased') throw new ProblemError('image_gone');
  if (taken.state === 'finished') {
    const fingerprint = known ?? (await readFingerprint(context, request, tenantId));
    const isSame = fingerprint.length === taken.fingerprint.length && timingSafeEqual(fingerprint, taken.fingerprint);
    if (!isSame) throw new ProblemError('idempotency_key_reused');
    return { state: 'answered', answer: taken.answer as ImageResource };
  }
  const { token } = taken;
  let fingerprint: Uint8Array = known ?? new Uint8Array();
  // An upload may take as long as its client keeps the pace. A renewal that fails is made up for by the next.
  const renewal = setInterval(() => {
    renewIdempotencyKey(database, tenantId, key, token, LEASE_SECONDS).catch(() => undefined);
  }, RENEW_EVERY_MS);
  return {
    state: 'held',
    setFingerprint: (value) => {
      fingerprint = value;
    },
    finish: (tx, answer) => finishIdempotencyKey(tx, tenantId, key, token, { fingerprint, answer }),
    // When this fails, a repeat gets the answer of the acceptance, which is as true.
    amend: (answer) => amendIdempotencyAnswer(database, tenantId, key, token, answer).catch(() => undefined),
    // When even this fails, the lease gives the key back.
    release: () => releaseIdempotencyKey(database, tenantId, key, token).catch(() => undefined),
    letGo: () => clearInterval(renewal),
  };
}

function keyOf({ headers }: FastifyRequest, tokenId: string | undefined): string | undefined {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string') return undefined;
  return tokenId === undefined ? key : `${tokenId}:${createHash('sha256').update(key).digest('hex')}`;
}

function wishFingerprint(request: FastifyRequest, wish: unknown): Uint8Array {
  return createHash('sha256')
    .update(JSON.stringify([request.method, request.url, wish]))
    .digest();
}

/** Reads the body of a repeat to compare it, keeping nothing; within the same bounds as the first. */
async function readFingerprint(context: HttpContext, request: FastifyRequest, tenantId: string): Promise<Uint8Array> {
  const { limits, clock, uploads } = context;
  const received = await uploads.count(tenantId, () =>
    receive(request.raw, {
      clock,
      bytesMax: limits.uploadBytesMax,
      idleMs: limits.uploadIdleMs,
      rateMin: limits.uploadRateMin,
      put: (source, signal) => digestOf(source, limits.uploadBytesMax, signal),
    }),
  );
  return fingerprintOf(request, received);
}

/** Like a store's `putStream`, it leaves the source whole when it fails: an answer must still go out on its socket. */
async function digestOf(source: Readable, bytesMax: number, signal: AbortSignal): Promise<ObjectDigest> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const hash = createHash('sha256');
  let bytes = 0;
  const take = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) reject(new TooManyBytesError(bytesMax));
    else hash.update(chunk);
  };
  source.on('data', take).once('end', resolve).on('error', reject);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  source.resume();
  try {
    await promise;
    return { bytes, sha256: hash.digest() };
  } finally {
    source.off('data', take).pause();
    signal.removeEventListener('abort', onAbort);
  }
}
