import { S3ServiceException } from '@aws-sdk/client-s3';
import { BreakerOpenError } from '../../core/breaker.ts';
import { InvariantError } from '../../core/invariant.ts';
import {
  ObjectExistsError,
  ObjectMissingError,
  OutOfSpaceError,
  StoreUnavailableError,
} from '../../ports/object-store.ts';

/** What became of a request that failed: `again` may pass when it is sent once more, `refused` will not. */
type Outcome = 'missing' | 'taken' | 'outside' | 'upload_gone' | 'unoffered' | 'full' | 'again' | 'refused';

/** The multipart upload is not there: completed, aborted or swept. */
export class UploadGoneError extends Error {
  override readonly name = 'UploadGoneError';
}

/** The store does not have what the request asks for, such as a condition on a put. */
export class NotOfferedError extends Error {
  override readonly name = 'NotOfferedError';
}

/** The store said nothing within the time that it has. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
}

const OUTCOME_OF_CODE: Readonly<Record<string, Outcome>> = {
  NoSuchKey: 'missing',
  NotFound: 'missing',
  NoSuchBucket: 'refused',
  NoSuchUpload: 'upload_gone',
  PreconditionFailed: 'taken',
  InvalidRange: 'outside',
  NotImplemented: 'unoffered',
  QuotaExceeded: 'full',
  XMinioStorageFull: 'full',
  // Another put of the same key, or of the same bucket's settings, was under way.
  ConditionalRequestConflict: 'again',
  OperationAborted: 'again',
  ConcurrentModification: 'again',
  // Bytes that changed on their way.
  BadDigest: 'again',
  XAmzContentSHA256Mismatch: 'again',
  RequestTimeout: 'again',
  CredentialsProviderError: 'refused',
};

const OUTCOME_OF_STATUS: Readonly<Record<number, Outcome>> = {
  404: 'missing',
  408: 'again',
  412: 'taken',
  416: 'outside',
  429: 'again',
  501: 'unoffered',
  507: 'full',
};

/** In words that tell what to do; what is not listed is told in the store's own. */
const REASONS: Readonly<Record<string, string>> = {
  NoSuchBucket: 'the bucket does not exist',
  InvalidAccessKeyId: 'the store does not know the access key id',
  SignatureDoesNotMatch: 'the secret access key does not belong to the access key id',
  AccessDenied: 'the credentials do not permit it',
  Forbidden: 'the credentials do not permit it',
  ExpiredToken: 'the session token has expired',
  RequestTimeTooSkewed: 'the clock of this machine and the store’s differ too much',
  PermanentRedirect: 'the bucket lies in another region',
  AuthorizationHeaderMalformed: 'the bucket lies in another region',
  CredentialsProviderError: 'there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
};

/** What became of a request, by what the SDK threw. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof BreakerOpenError) return 'refused';
  const name = error instanceof Error ? error.name : '';
  const known = OUTCOME_OF_CODE[name];
  if (known) return known;
  // The SDK has set its clock by the answer; the next request carries the store's time.
  if (metadataOf(error).clockSkewCorrected) return 'again';
  const status = metadataOf(error).httpStatusCode;
  if (status === undefined) return 'again';
  return OUTCOME_OF_STATUS[status] ?? (status >= 500 ? 'again' : 'refused');
}

/**
 * Whether the store is too ill to be asked at once again: it was silent, could not even be connected to in time, or
 * answered 5xx. A refused or broken connection costs nobody time.
 */
export function isIllness(error: unknown): boolean {
  if (error instanceof NoAnswerError || (error instanceof Error && error.name === 'TimeoutError')) return true;
  const status = metadataOf(error).httpStatusCode ?? 0;
  return status >= 500 && outcomeOf(error) === 'again';
}

/** What the port says to it. @param where names bucket and endpoint. */
export function failureOf(error: unknown, key: string, where: string): Error {
  // The SDK's errors carry requests and answers: what is kept of them is words.
  const cause = new Error(wordsOf(error));
  switch (outcomeOf(error)) {
    case 'missing':
      return new ObjectMissingError(`nothing is stored under ${key}`, { cause });
    case 'taken':
      return new ObjectExistsError(`an object stands at ${key}`, { cause });
    case 'upload_gone':
      return new UploadGoneError(`the upload of ${key} is gone`, { cause });
    case 'unoffered':
      return new NotOfferedError(`${where} does not offer this`, { cause });
    case 'full':
      return new OutOfSpaceError(`no space left in ${where}`, { cause });
    case 'outside':
      return new InvariantError(`the range is not within ${key}`, { cause });
    default:
      return new StoreUnavailableError(`${where} cannot be used: ${reasonOf(error)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  const known = error instanceof Error ? REASONS[error.name] : undefined;
  return known ?? wordsOf(error);
}

function wordsOf(error: unknown): string {
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode ?? 'no status';
    const message = error.message === '' || error.message === error.name ? '' : `: ${error.message}`;
    return `it answers ${status} ${error.name}${message}`;
  }
  if (error instanceof AggregateError) return error.errors.map(wordsOf).join('; ');
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

interface Metadata {
  readonly httpStatusCode?: number;
  readonly clockSkewCorrected?: boolean;
}

function metadataOf(error: unknown): Metadata {
  return (error as { $metadata?: Metadata } | undefined)?.$metadata ?? {};
}
