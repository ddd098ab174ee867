import type { Bound, ErrorCode, Problem } from '@safelight/contract';

/**
 * What can go wrong before the service has spoken: `unreachable` (no answer came: connection, name, time-out) and
 * `answer_unreadable` (something answered that is not Safelight, such as a proxy's own error page).
 */
export type ClientErrorCode = 'unreachable' | 'answer_unreadable';

export interface SafelightErrorFacts {
  readonly code: ErrorCode | ClientErrorCode;
  /** For people; may change. */
  readonly title: string;
  /** HTTP status, or 0 when no answer came. */
  readonly status: number;
  readonly detail?: string | undefined;
  readonly bound?: Bound | undefined;
  /** Why a rendition failed. */
  readonly problemCause?: { readonly code: string; readonly message: string } | undefined;
  readonly requestId?: string | undefined;
  /** Seconds after which the same request may succeed; undefined when the answer names none. */
  readonly retryAfter?: number | undefined;
  readonly origin?: unknown;
}

/** Every failure of a call but an abort, which rejects with the signal's reason. Decide by `code`. */
export class SafelightError extends Error {
  override readonly name = 'SafelightError';
  readonly code: ErrorCode | ClientErrorCode;
  readonly status: number;
  readonly detail: string | undefined;
  readonly bound: Bound | undefined;
  readonly problemCause: { readonly code: string; readonly message: string } | undefined;
  readonly requestId: string | undefined;
  readonly retryAfter: number | undefined;

  constructor(facts: SafelightErrorFacts) {
    super(facts.detail ?? facts.title, facts.origin === undefined ? undefined : { cause: facts.origin });
    this.code = facts.code;
    this.status = facts.status;
    this.detail = facts.detail;
    this.bound = facts.bound;
    this.problemCause = facts.problemCause;
    this.requestId = facts.requestId;
    this.retryAfter = facts.retryAfter;
  }
}

/** No answer came. */
export function unreachable(origin: unknown): SafelightError {
  return new SafelightError({ code: 'unreachable', status: 0, title: 'Safelight does not answer.', origin });
}

/** An answer of a form that Safelight does not give. */
export function answerUnreadable(response: Response, detail: string): SafelightError {
  return new SafelightError({
    code: 'answer_unreadable',
    status: response.status,
    title: 'The answer does not come from Safelight.',
    detail,
    requestId: response.headers.get('x-request-id') ?? undefined,
    retryAfter: retryAfterSeconds(response.headers),
  });
}

/** Reads an answer of 400 and above: RFC 9457 problem+json, or whatever stands between here and the service. */
export async function errorOfResponse(response: Response): Promise<SafelightError> {
  const text = await response.text().catch(() => '');
  const problem = parseProblem(text);
  if (!problem) return answerUnreadable(response, `The answer was ${response.status} without a problem document.`);
  return new SafelightError({
    code: problem.code,
    status: response.status,
    title: problem.title,
    detail: problem.detail,
    bound: problem.bound,
    problemCause: problem.cause,
    requestId: problem.requestId ?? response.headers.get('x-request-id') ?? undefined,
    retryAfter: retryAfterSeconds(response.headers),
  });
}

/** Seconds in `Retry-After`, which is a number or a date (RFC 9110 §10.2.3); a date is measured by the answer's own `Date`. */
function retryAfterSeconds(headers: Headers): number | undefined {
  const text = headers.get('retry-after')?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const seconds = (Date.parse(text) - Date.parse(headers.get('date') ?? '')) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}

function parseProblem(text: string): Problem | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('code' in value) || typeof value.code !== 'string')
      return undefined;
    return value as Problem;
  } catch {
    return undefined;
  }
}
