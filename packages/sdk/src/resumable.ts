import { TUS_BODY, type Visibility } from '@safelight/contract';
import { SafelightError } from './errors.ts';
import { isRetryable, pause } from './retry.ts';
import type { Transport } from './transport.ts';
import { type OnProgress, uploadSend } from './upload.ts';
import type { UploadMemory } from './upload-memory.ts';

export interface Sending {
  readonly body: Blob;
  readonly filename: string | undefined;
  readonly tags: readonly string[] | undefined;
  readonly visibility: Visibility | undefined;
  readonly fingerprint: string;
  readonly memory: UploadMemory;
  readonly pieceBytes: number;
  readonly onProgress: OnProgress | undefined;
  readonly signal: AbortSignal | undefined;
}

const PATH = '/v1/uploads';
const VERSION = { 'tus-resumable': '1.0.0' };
/** Failures one after the other without a byte of progress. */
const FAILURES_MAX = 6;
const BACKOFF_MS = 500;
/** What says that the service will not take this upload any more, but may take another of the same file. */
const OVER: ReadonlySet<number> = new Set([404, 410]);
/** Somebody else wrote, or writes: where it stands has to be asked. */
const ASK_AGAIN: ReadonlySet<number> = new Set([409, 423]);

/**
 * Sends a picture in pieces (tus 1.0). After a failure that may pass, and after a reload if it is remembered, it goes on
 * from the last byte that the service has. @returns the path of the finished upload.
 */
export async function sendResumable(transport: Transport, sending: Sending): Promise<string> {
  const { memory, fingerprint, body, signal } = sending;
  let path = memory.find(fingerprint);
  for (let failures = 0; ; ) {
    try {
      let offset = path === undefined ? 'over' : await offsetOf(transport, path, signal);
      if (path === undefined || offset === 'over') {
        path = await begin(transport, sending);
        offset = 0;
      }
      while (offset < body.size) {
        offset = await append(transport, sending, path, offset);
        failures = 0;
      }
      memory.forget(fingerprint);
      return path;
    } catch (error) {
      if (!(error instanceof SafelightError)) throw error;
      const mayPass = isRetryable(error) || ASK_AGAIN.has(error.status);
      failures += 1;
      if (!mayPass || failures > FAILURES_MAX) {
        if (!mayPass) memory.forget(fingerprint);
        throw error;
      }
      await pause(Math.max((error.retryAfter ?? 0) * 1000, BACKOFF_MS * failures), signal);
    }
  }
}

async function begin(transport: Transport, sending: Sending): Promise<string> {
  const { body, filename, tags, visibility, memory, fingerprint, signal } = sending;
  const metadata = [
    ...(filename === undefined ? [] : [`filename ${base64(filename)}`]),
    ...(tags?.length ? [`tags ${base64(tags.join(','))}`] : []),
    ...(visibility ? [`visibility ${base64(visibility)}`] : []),
  ].join(',');
  const response = await transport.call({
    method: 'POST',
    path: PATH,
    headers: {
      ...VERSION,
      'upload-length': String(body.size),
      ...(metadata !== '' && { 'upload-metadata': metadata }),
    },
    // One that nobody goes on with expires.
    repeatable: true,
    signal,
  });
  const location = response.headers.get('location') ?? '';
  const path = `${PATH}/${location.split('/').at(-1)}`;
  const expiresAt = new Date(response.headers.get('upload-expires') ?? 0).toISOString();
  memory.keep(fingerprint, { path, filename, bytes: body.size, expiresAt });
  return path;
}

/** How many bytes the service has. */
async function offsetOf(transport: Transport, path: string, signal?: AbortSignal): Promise<number | 'over'> {
  try {
    const response = await transport.call({ method: 'HEAD', path, headers: VERSION, repeatable: true, signal });
    return Number(response.headers.get('upload-offset'));
  } catch (error) {
    if (error instanceof SafelightError && OVER.has(error.status)) return 'over';
    throw error;
  }
}

async function append(transport: Transport, sending: Sending, path: string, offset: number): Promise<number> {
  const { body, pieceBytes, onProgress, signal } = sending;
  const piece = body.slice(offset, offset + pieceBytes);
  const told =
    onProgress &&
    (({ bytesSent }: { bytesSent: number }) => onProgress({ bytesSent: offset + bytesSent, bytesTotal: body.size }));
  const response = await transport.call(
    {
      method: 'PATCH',
      path,
      headers: { ...VERSION, 'content-type': TUS_BODY, 'upload-offset': String(offset) },
      repeatable: false,
      signal,
    },
    uploadSend(piece, transport.fetch, told),
  );
  return Number(response.headers.get('upload-offset'));
}

/** Of UTF-8, as Upload-Metadata wants it. */
function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
