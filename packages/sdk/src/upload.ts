import type { Outgoing, Send } from './transport.ts';

/** What can be sent. Streams are read once, so a failed upload of one is not repeated; bytes and blobs are. */
export type UploadBody = Blob | Uint8Array | FormData | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface UploadProgress {
  readonly bytesSent: number;
  /** Undefined when the length of the body is not known. */
  readonly bytesTotal: number | undefined;
}

export type OnProgress = (progress: UploadProgress) => void;

/** Whether the body can be sent again after a failure. */
export function isRepeatable(body: UploadBody): boolean {
  return body instanceof Blob || body instanceof Uint8Array || body instanceof FormData;
}

/** The type to declare; undefined where the body brings its own (a form with its boundary). */
export function contentType(body: UploadBody): string | undefined {
  if (body instanceof FormData) return undefined;
  return body instanceof Blob && body.type.startsWith('image/') ? body.type : 'application/octet-stream';
}

/** How to send `body`: by fetch, or by XMLHttpRequest where a browser is asked for progress, which fetch cannot tell. */
export function uploadSend(body: UploadBody, fetchFunction: typeof fetch, onProgress: OnProgress | undefined): Send {
  if (onProgress && isRepeatable(body) && typeof XMLHttpRequest !== 'undefined') {
    return (outgoing) => sendByXmlHttpRequest(outgoing, body as XMLHttpRequestBodyInit, onProgress);
  }
  return ({ url, signal, ...init }) => {
    const outgoing = onProgress && !(body instanceof FormData) ? counted(body, onProgress) : streamOrBytes(body);
    // Node's fetch asks for `duplex` with a stream; the DOM's types do not know it yet.
    const streaming = outgoing instanceof ReadableStream ? { duplex: 'half' } : {};
    return fetchFunction(url, { ...init, body: outgoing, ...streaming, ...(signal && { signal }) });
  };
}

function streamOrBytes(body: UploadBody): BodyInit {
  if (body instanceof Blob || body instanceof FormData || body instanceof ReadableStream) return body;
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : streamOf(body);
}

const PIECE_BYTES = 64 * 1024;

/** The same bytes as a stream that tells how many of them were taken. */
function counted(body: Exclude<UploadBody, FormData>, onProgress: OnProgress): ReadableStream<Uint8Array> {
  const blob = body instanceof Uint8Array ? new Blob([body as Uint8Array<ArrayBuffer>]) : body;
  const bytesTotal = blob instanceof Blob ? blob.size : undefined;
  const source = blob instanceof Blob ? pieces(blob) : blob instanceof ReadableStream ? chunksOf(blob) : blob;
  return streamOf(
    (async function* () {
      let bytesSent = 0;
      for await (const chunk of source) {
        yield chunk;
        bytesSent += chunk.byteLength;
        onProgress({ bytesSent, bytesTotal });
      }
    })(),
  );
}

async function* pieces(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < blob.size; start += PIECE_BYTES) {
    yield new Uint8Array(await blob.slice(start, start + PIECE_BYTES).arrayBuffer());
  }
}

/** A stream's chunks, also in browsers whose streams cannot be iterated. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value;
  } finally {
    // Also reached when the consumer stops early: the connection is let go.
    await reader.cancel().catch(() => undefined);
  }
}

function streamOf(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await iterator.return?.();
    },
  });
}

function sendByXmlHttpRequest(
  outgoing: Outgoing,
  body: XMLHttpRequestBodyInit,
  onProgress: OnProgress,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(outgoing.method, outgoing.url);
    outgoing.headers.forEach((value, name) => {
      request.setRequestHeader(name, value);
    });
    request.upload.onprogress = ({ loaded, total, lengthComputable }) =>
      onProgress({ bytesSent: loaded, bytesTotal: lengthComputable ? total : undefined });
    request.onload = () => resolve(responseOf(request));
    request.onerror = () => reject(new TypeError('the connection failed'));
    request.onabort = () => reject(outgoing.signal?.reason);
    const abort = () => request.abort();
    outgoing.signal?.addEventListener('abort', abort, { once: true });
    request.onloadend = () => outgoing.signal?.removeEventListener('abort', abort);
    request.send(body);
  });
}

function responseOf(request: XMLHttpRequest): Response {
  const headers = new Headers();
  for (const line of request.getAllResponseHeaders().trim().split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return new Response(request.responseText || null, { status: request.status, headers });
}
