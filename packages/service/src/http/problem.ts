import { type Bound, type ErrorCode, errorEntry, type Problem, type TransformationProblem } from '@safelight/contract';

interface ProblemOptions {
  readonly detail?: string | undefined;
  readonly bound?: Bound | undefined;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: { readonly code: string; readonly message: string } | undefined;
  readonly parameters?: readonly TransformationProblem[] | undefined;
  readonly allow?: readonly string[] | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const RETRY_AFTER_SECONDS = 1;

/** An operating error of the catalogue, on its way to the client. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ErrorCode;
  readonly options: ProblemOptions;

  constructor(code: ErrorCode, options: ProblemOptions = {}) {
    super(options.detail ?? errorEntry(code).title);
    this.code = code;
    this.options = options;
  }

  get status(): number {
    return errorEntry(this.code).status;
  }

  /** The body of RFC 9457. */
  body(requestId: string | undefined): Problem {
    const { title, status } = errorEntry(this.code);
    const { detail, bound, cause, parameters } = this.options;
    return {
      type: `urn:safelight:problem:${this.code}`,
      title,
      status,
      code: this.code,
      ...(detail !== undefined && { detail }),
      ...(requestId !== undefined && { requestId }),
      ...(bound && { bound }),
      ...(cause && { cause }),
      ...(parameters && { parameters: [...parameters] }),
    };
  }

  headers(): Record<string, string> {
    const { retryAfterSeconds, allow, headers } = this.options;
    const retryable = errorEntry(this.code).retryable || retryAfterSeconds !== undefined;
    return {
      'cache-control': 'no-store',
      ...(retryable && { 'retry-after': String(retryAfterSeconds ?? RETRY_AFTER_SECONDS) }),
      ...(allow && { allow: allow.join(', ') }),
      ...(this.code.startsWith('key_') && { 'www-authenticate': 'Bearer realm="safelight"' }),
      ...headers,
    };
  }
}
