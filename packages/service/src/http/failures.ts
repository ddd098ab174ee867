import { isConnectionLoss } from '../db/database.ts';
import { IdempotencyKeyLostError } from '../images/index.ts';
import { TooManyBytesError } from '../ports/object-store.ts';
import { isOutOfSpace, isStorageFailure } from '../ports/storage-failure.ts';
import { TooManyWaitersError } from '../renditions/index.ts';
import { ProblemError } from './problem.ts';

/** Turns whatever a handler threw into an entry of the catalogue; what is nobody's known failure is `internal`. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (isOutOfSpace(error)) return new ProblemError('storage_full', { retryAfterSeconds: 30 });
  if (isStorageFailure(error)) return new ProblemError('storage_unavailable');
  if (error instanceof TooManyBytesError) {
    return new ProblemError('upload_too_large', { bound: { name: 'uploadBytesMax', limit: error.bytesMax } });
  }
  if (error instanceof TooManyWaitersError) {
    return new ProblemError('overloaded', { bound: { name: 'waitersMax', limit: error.waitersMax } });
  }
  if (error instanceof IdempotencyKeyLostError) return new ProblemError('idempotency_key_in_use');
  if (isConnectionLoss(error)) return new ProblemError('database_unavailable');
  // An id that is longer than any of ours names nothing.
  if ((error as { code?: unknown } | undefined)?.code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ProblemError('route_not_found');
  }
  if (isFrameworkRefusal(error)) return new ProblemError('request_invalid', { detail: error.message });
  return new ProblemError('internal');
}

/** A 4xx by which Fastify itself refuses a malformed request. */
function isFrameworkRefusal(error: unknown): error is Error {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return error instanceof Error && typeof status === 'number' && status >= 400 && status < 500;
}
