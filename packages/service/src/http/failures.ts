import { PlacesTakenError } from '../core/tenant-places.ts';
import { isConnectionLoss } from '../db/database.ts';
import { IdempotencyKeyLostError } from '../images/index.ts';
import { TooManyBytesError } from '../ports/object-store.ts';
import { isOutOfSpace, isStorageFailure } from '../ports/storage-failure.ts';
import { TenantNotActiveError, TenantRefusedError, UnknownPlanError } from '../tenants/index.ts';
import { TooManyPartsError, TooManyUploadsError, UploadLostError, UploadTokenSpentError } from '../uploads/index.ts';
import { BudgetExhaustedError, StorageFullError } from '../usage/index.ts';
import { ProblemError } from './problem.ts';
import { PartialUploadError } from './receive.ts';

/**
 * What PostgreSQL says of itself, by SQLSTATE. Other insufficient resources (class 53), a statement over its time,
 * and a transaction that lost to another may pass when the request is sent again.
 */
const SQL_STATES: readonly (readonly [RegExp, () => ProblemError])[] = [
  [/^53100$/, () => new ProblemError('storage_full', { retryAfterSeconds: 30 })],
  [/^(53...|57014|40001|40P01|55P03)$/, () => new ProblemError('database_unavailable')],
  // A value that no column can hold: NUL or half a character in a text, a time out of range. The last net.
  [
    /^(22021|22008|22P02|22P05)$/,
    () => new ProblemError('request_invalid', { detail: 'A value of the request cannot be stored.' }),
  ],
];

/** Turns whatever a handler threw into an entry of the catalogue; what is nobody's known failure is `internal`. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof PartialUploadError) return toProblem(error.cause);
  if (isOutOfSpace(error)) return new ProblemError('storage_full', { retryAfterSeconds: 30 });
  if (isStorageFailure(error)) return new ProblemError('storage_unavailable');
  if (error instanceof TooManyBytesError) {
    return new ProblemError('upload_too_large', { bound: { name: 'uploadBytesMax', limit: error.bytesMax } });
  }
  if (error instanceof PlacesTakenError) {
    return new ProblemError('overloaded', {
      bound: error.bound,
      detail: 'As many are under way as may be; ask again.',
    });
  }
  if (error instanceof IdempotencyKeyLostError) return new ProblemError('idempotency_key_in_use');
  if (error instanceof UploadLostError) return new ProblemError('upload_held');
  if (error instanceof UploadTokenSpentError) return new ProblemError('upload_token_spent');
  if (error instanceof TooManyUploadsError)
    return new ProblemError('limit_reached', { bound: { name: 'uploadsOpenMax', limit: error.limit } });
  if (error instanceof TooManyPartsError)
    return new ProblemError('limit_reached', { bound: { name: 'uploadPartsMax', limit: error.limit } });
  if (error instanceof BudgetExhaustedError) return new ProblemError('budget_exhausted', { bound: error.bound });
  if (error instanceof StorageFullError) {
    const bound = { name: 'storedBytesMax', limit: error.limit, actual: error.actual };
    return new ProblemError('storage_quota_exceeded', { bound });
  }
  if (error instanceof TenantNotActiveError) return new ProblemError('tenant_suspended');
  if (error instanceof TenantRefusedError) return new ProblemError('tenant_refused', { detail: sentence(error) });
  if (error instanceof UnknownPlanError) return new ProblemError('plan_unknown', { detail: sentence(error) });
  const sqlState = codeOf(error);
  const known = SQL_STATES.find(([states]) => states.test(sqlState));
  if (known) return known[1]();
  if (isConnectionLoss(error)) return new ProblemError('database_unavailable');
  // An id that is longer than any of ours names nothing.
  if (codeOf(error) === 'FST_ERR_MAX_PARAM_LENGTH') return new ProblemError('route_not_found');
  if (isFrameworkRefusal(error)) return new ProblemError('request_invalid', { detail: error.message });
  return new ProblemError('internal');
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

function sentence({ message }: Error): string {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}.`;
}

/** A 4xx by which Fastify itself refuses a malformed request. */
function isFrameworkRefusal(error: unknown): error is Error {
  const status = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return error instanceof Error && typeof status === 'number' && status >= 400 && status < 500;
}
