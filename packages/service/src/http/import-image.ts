import { basename } from 'node:path/posix';
import { type OutsideAnswer, OutsideError, type OutsideReason } from '../outbound/index.ts';
import type { Tenant } from '../tenants/index.ts';
import type { HttpContext } from './context.ts';
import { type Pace, Paced, pacedBy } from './pace.ts';
import { ProblemError } from './problem.ts';
import type { Received } from './receive.ts';
import type { PutAway } from './uploads.ts';

/** For all of it, redirects included: an import holds the place of an upload, and somebody waits for its answer. */
const IMPORT_MS_MAX = 120_000;
const REDIRECTS_MAX = 5;

const PROBLEMS = {
  forbidden: 'source_forbidden',
  unreachable: 'source_unreachable',
  too_slow: 'source_too_slow',
  too_large: 'upload_too_large',
  redirects: 'source_refused',
} as const satisfies Record<OutsideReason, string>;

/**
 * Fetches a picture from a URL on a host that the tenant allows, as a stream within the bounds of an upload.
 * @param pace at which the tenant's bytes may come; undefined: at any.
 * @throws ProblemError that tells what is wrong with the source, and nothing of networks that are not public.
 */
export async function receiveFrom(
  context: HttpContext,
  { tenant, url, pace }: { readonly tenant: Tenant; readonly url: string; readonly pace: Pace | undefined },
  put: PutAway,
): Promise<Received> {
  const { limits, log } = context;
  let answer: OutsideAnswer | undefined;
  try {
    answer = await context.outside(url, {
      allow: (host) => isAllowed(host, tenant.settings.sourceHosts),
      bytesMax: limits.uploadBytesMax,
      msMax: IMPORT_MS_MAX,
      idleMsMax: limits.uploadIdleMs,
      redirectsMax: REDIRECTS_MAX,
      headers: { accept: 'image/*' },
      signal: context.closing,
    });
    if (answer.status !== 200)
      throw new ProblemError('source_refused', { detail: `The source answers with the status ${answer.status}.` });
    const bytes = pace ? pacedBy(new Paced(pace, context.clock), answer.body) : answer.body;
    return { digest: await put(bytes), filename: filenameOf(answer.url), fields: new Map() };
  } catch (error) {
    if (context.closing.aborted) throw new ProblemError('shutting_down');
    if (!(error instanceof OutsideError)) throw error;
    log.debug({ err: error, tenantId: tenant.tenantId }, 'a source could not be imported');
    const bound = error.reason === 'too_large' && { name: 'uploadBytesMax', limit: limits.uploadBytesMax };
    throw new ProblemError(PROBLEMS[error.reason], { detail: error.message, ...(bound && { bound }) });
  } finally {
    answer?.body.destroy();
  }
}

/** `*.example.com` allows everything below it, and not the name itself. */
export function isAllowed(host: string, allowed: readonly string[]): boolean {
  return allowed.some((pattern) => (pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern));
}

function filenameOf(url: string): string | undefined {
  const last = basename(new URL(url).pathname);
  try {
    return decodeURIComponent(last) || undefined;
  } catch {
    return last;
  }
}
