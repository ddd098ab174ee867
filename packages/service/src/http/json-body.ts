import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ProblemError } from './problem.ts';

/** Far more than any of our shapes takes; a body is held whole until it is parsed. */
const BODY_BYTES_MAX = 64 * 1024;
/** For all of it: such a body is one packet or a few. */
const BODY_MS_MAX = 10_000;

/**
 * Reads a body of JSON that fits `schema`. What is no JSON by its media type is refused unread: a form of a foreign page
 * can send text, never that type without being asked about it first.
 * @throws ProblemError `media_type_unsupported`, `request_invalid` with the field or the bound, `upload_incomplete`,
 * `upload_timeout`.
 */
export async function readJson<Schema extends z.ZodType>(
  request: FastifyRequest,
  schema: Schema,
): Promise<z.output<Schema>> {
  if (!isJson(request)) {
    throw new ProblemError('media_type_unsupported', { detail: 'Send application/json.' });
  }
  const parsed = schema.safeParse(parse(await readText(request)));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const name = issue?.path.join('.') || 'body';
  throw new ProblemError('request_invalid', { detail: `${name}: ${issue?.message ?? 'does not fit'}.` });
}

/** Whether the body calls itself JSON. */
export function isJson({ headers }: FastifyRequest): boolean {
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '');
}

/** Whether a request carries a body at all. */
export function hasBody(request: FastifyRequest): boolean {
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || (length !== undefined && length !== '0');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProblemError('request_invalid', { detail: 'body: is no JSON.' });
  }
}

async function readText({ raw }: FastifyRequest): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    else reject(new ProblemError('request_invalid', { bound: { name: 'bodyBytesMax', limit: BODY_BYTES_MAX } }));
  };
  const onClose = () => reject(new ProblemError('upload_incomplete'));
  const timer = setTimeout(
    () => reject(new ProblemError('upload_timeout', { bound: { name: 'bodyMsMax', limit: BODY_MS_MAX } })),
    BODY_MS_MAX,
  );
  raw.on('data', onData).once('end', resolve).once('close', onClose).once('error', onClose);
  try {
    await promise;
    return Buffer.concat(chunks).toString();
  } finally {
    clearTimeout(timer);
    raw.off('data', onData).off('end', resolve).off('close', onClose).off('error', onClose);
    raw.pause();
  }
}
