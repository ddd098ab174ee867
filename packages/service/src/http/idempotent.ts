import { createHash, timingSafeEqual } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { Transaction } from '../db/database.ts';
import { finishIdempotencyKey, releaseIdempotencyKey, takeIdempotencyKey } from '../images/index.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import { TooManyBytesError } from '../ports/object-store.ts';
import type { HttpContext } from './context.ts';
import { ProblemError } from './problem.ts';
import { receive } from './receive.ts';
import { fingerprintOf } from './uploads.ts';

/** Longer than any upload: a node that died gives its keys back after this. */
const LEASE_SECONDS = 900;

export type HeldKey =
  | { readonly state: 'answered'; readonly answer: unknown }
  | {
      readonly state: 'held';
      readonly setFingerprint: (fingerprint: Uint8Array) => void;
      readonly finish: (tx: Transaction, answer: unknown) => Promise<void>;
      readonly release: () => Promise<void>;
    };

/**
 * The Idempotency-Key of a request, taken before its body is read. A repeat while the first still runs is refused with
 * 409; one with another body with 422; after the end it gets the first answer. A failed request gives its key back.
 */
export async function takeKeyOf(context: HttpContext, request: FastifyRequest, tenantId: string): Promise<HeldKey> {
  const { database } = context;
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string') {
    return {
      state: 'held',
      setFingerprint: () => undefined,
      finish: async () => undefined,
      release: async () => undefined,
    };
  }
  const taken = await takeIdempotencyKey(database, tenantId, key, LEASE_SECONDS);
  if (taken.state === 'running') {
    throw new ProblemError('idempotency_key_in_use', { retryAfterSeconds: taken.retryAfterSeconds });
  }
  if (taken.state === 'finished') {
    const fingerprint = await readFingerprint(context, request);
    const isSame = fingerprint.length === taken.fingerprint.length && timingSafeEqual(fingerprint, taken.fingerprint);
    if (!isSame) throw new ProblemError('idempotency_key_reused');
    return { state: 'answered', answer: taken.answer };
  }
  let fingerprint: Uint8Array = new Uint8Array();
  return {
    state: 'held',
    setFingerprint: (value) => {
      fingerprint = value;
    },
    finish: (tx, answer) => finishIdempotencyKey(tx, tenantId, key, taken.token, { fingerprint, answer }),
    // When even this fails, the lease gives the key back.
    release: () => releaseIdempotencyKey(database, tenantId, key, taken.token).catch(() => undefined),
  };
}

/** Reads the body of a repeat to compare it, keeping nothing. */
async function readFingerprint({ limits, clock }: HttpContext, request: FastifyRequest): Promise<Uint8Array> {
  const received = await receive(request.raw, {
    clock,
    bytesMax: limits.uploadBytesMax,
    idleMs: limits.uploadIdleMs,
    rateMin: limits.uploadRateMin,
    put: (source) => digestOf(source, limits.uploadBytesMax),
  });
  return fingerprintOf(request, received);
}

async function digestOf(source: Readable, bytesMax: number): Promise<ObjectDigest> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of source as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new TooManyBytesError(bytesMax);
    hash.update(chunk);
  }
  return { bytes, sha256: hash.digest() };
}
