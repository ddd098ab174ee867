import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import type { Clock } from '../core/clock.ts';
import type { ObjectDigest } from '../ports/object-store.ts';
import { ProblemError } from './problem.ts';

/** One upload as it came off the wire, durable under its key, not yet looked at. */
export interface Received {
  readonly digest: ObjectDigest;
  readonly filename: string | undefined;
  /** Form fields besides the picture. */
  readonly fields: ReadonlyMap<string, string>;
}

export interface ReceiveOptions {
  readonly clock: Clock;
  readonly bytesMax: number;
  readonly idleMs: number;
  /** Bytes per second, on average, after the first idle period. */
  readonly rateMin: number;
  /** What lets the bytes through at the tenant's pace, if anything does. */
  readonly held?: { readonly heldMs: number } | undefined;
  /** Writes the bytes away as they flow. */
  readonly put: (source: Readable, signal: AbortSignal) => Promise<ObjectDigest>;
}

const FORM_OVERHEAD_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 16;
const FIELD_BYTES_MAX = 4096;
const FILE_FIELDS: ReadonlySet<string> = new Set(['image', 'file']);
const GUARD_MS = 250;
/** An Idempotency-Key's lease and the janitor's hour of patience with objects that no row names rest on it. */
const UPLOAD_MS_MAX = 900_000;

/**
 * Reads a picture out of a multipart form, or a body that is the picture itself, as a stream. A client that stops
 * half-way, sends nothing for `idleMs` or trickles below `rateMin` ends with an error of the catalogue, and what was
 * written by then is dropped by `put`.
 */
export async function receive(message: IncomingMessage, options: ReceiveOptions): Promise<Received> {
  const type = message.headers['content-type'] ?? '';
  const isForm = /^multipart\/form-data\b/i.test(type);
  const bodyBytesMax = options.bytesMax + (isForm ? FORM_OVERHEAD_BYTES_MAX : 0);
  refuseLongBody(message, bodyBytesMax, options.bytesMax);
  const guard = guardBody(message, bodyBytesMax, options);
  try {
    if (isForm) return await receiveForm(message, options, guard.signal);
    const digest = await options.put(message, guard.signal);
    return { digest, filename: undefined, fields: new Map() };
  } catch (error) {
    if (!guard.signal.aborted) throw error;
    throw error instanceof PartialUploadError ? new PartialUploadError(guard.signal.reason) : guard.signal.reason;
  } finally {
    guard.end();
  }
}

function refuseLongBody(message: IncomingMessage, bodyBytesMax: number, bytesMax: number): void {
  const length = Number(message.headers['content-length'] ?? 0);
  if (length > bodyBytesMax) {
    throw new ProblemError('upload_too_large', { bound: { name: 'uploadBytesMax', limit: bytesMax, actual: length } });
  }
}

/** Watches a body: its length whatever it is made of, its pace, how long it takes in all, and its end. */
export function guardBody(
  message: IncomingMessage,
  bodyBytesMax: number,
  options: Omit<ReceiveOptions, 'put'>,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const { clock, bytesMax, idleMs, rateMin, held } = options;
  const controller = new AbortController();
  let startedAt = clock.monotonic();
  let lastAt = startedAt;
  let checkedAt = startedAt;
  const everyMs = Math.min(GUARD_MS, idleMs);
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    bytes += chunk.length;
    lastAt = clock.monotonic();
    if (bytes <= bodyBytesMax) return;
    const bound = { name: 'uploadBytesMax', limit: bytesMax, actual: bytes };
    controller.abort(new ProblemError('upload_too_large', { bound }));
  };
  const onClose = () => {
    if (!message.complete) controller.abort(new ProblemError('upload_incomplete'));
  };
  const timer = setInterval(() => {
    const now = clock.monotonic();
    // A body that waits for our own disk is not the client's fault.
    if (message.isPaused()) lastAt = now;
    // Nor is the time in which this process itself stood still, such as when its machine was suspended.
    const stoodMs = now - checkedAt - everyMs;
    if (stoodMs > idleMs / 2) {
      lastAt += stoodMs;
      startedAt += stoodMs;
    }
    checkedAt = now;
    const elapsedMs = now - startedAt;
    // What was held up here did not come slowly.
    const freeMs = elapsedMs - (held?.heldMs ?? 0);
    const tooSlow = freeMs > idleMs && (bytes * 1000) / freeMs < rateMin;
    const tooLong = elapsedMs > UPLOAD_MS_MAX;
    if (message.complete || (now - lastAt <= idleMs && !tooSlow && !tooLong)) return;
    let bound = { name: 'uploadIdleMs', limit: idleMs, actual: Math.floor(now - lastAt) };
    if (tooSlow) bound = { name: 'uploadRateMin', limit: rateMin, actual: Math.floor((bytes * 1000) / freeMs) };
    if (tooLong) bound = { name: 'uploadMsMax', limit: UPLOAD_MS_MAX, actual: Math.floor(elapsedMs) };
    controller.abort(new ProblemError('upload_timeout', { bound }));
  }, everyMs);
  message.on('data', onData);
  message.on('close', onClose);
  message.pause();
  return {
    signal: controller.signal,
    end: () => {
      clearInterval(timer);
      message.off('data', onData);
      message.off('close', onClose);
    },
  };
}

async function receiveForm(message: IncomingMessage, options: ReceiveOptions, signal: AbortSignal): Promise<Received> {
  const parser = openParser(message);
  const fields = new Map<string, string>();
  let file: { filename: string; digest: Promise<ObjectDigest> } | undefined;
  const { promise: parsed, resolve, reject } = Promise.withResolvers<void>();
  parser.on('field', (name, value) => fields.set(name, value));
  parser.on('file', (name, stream, filename) => {
    // A part that is cut short tells so on its own stream; unheard, that would end the process.
    stream.on('error', reject);
    if (file || !FILE_FIELDS.has(name)) {
      stream.resume();
      return;
    }
    const digest = options.put(stream, signal);
    digest.catch(reject);
    file = { filename, digest };
  });
  parser.on('finish', resolve);
  parser.on('error', (error: Error) => reject(toFormProblem(error)));
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  message.pipe(parser);
  try {
    await parsed;
    if (!file) throw new ProblemError('image_missing', { detail: 'The form has no file in a field named `image`.' });
    return { digest: await file.digest, filename: file.filename || undefined, fields };
  } catch (error) {
    message.unpipe(parser);
    parser.destroy();
    // Bytes that were put before another part failed must be known to have been put or dropped.
    const digest = await file?.digest.catch(() => undefined);
    throw digest ? new PartialUploadError(error) : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The picture was stored, but the rest of the form failed: the object is to be dropped. */
export class PartialUploadError extends Error {
  override readonly name = 'PartialUploadError';
  constructor(cause: unknown) {
    super('the form failed after its file', { cause });
  }
}

function openParser(message: IncomingMessage) {
  try {
    return new Busboy({
      headers: message.headers as BusboyHeaders,
      limits: { files: 4, fields: FIELDS_MAX, fieldSize: FIELD_BYTES_MAX, parts: FIELDS_MAX + 4 },
      highWaterMark: 1024 * 1024,
      fileHwm: 1024 * 1024,
    });
  } catch (error) {
    throw toFormProblem(error as Error);
  }
}

function toFormProblem(error: Error): ProblemError {
  if (/unexpected end/i.test(error.message))
    return new ProblemError('upload_incomplete', { detail: 'The form ends before its closing boundary.' });
  return new ProblemError('image_missing', { detail: `The form cannot be read: ${error.message}.` });
}
