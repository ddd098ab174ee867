import { connect, type Socket } from 'node:net';

/** What came back on a socket, read by hand. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** One part of a form, written as a client might that no library made. */
export interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

const BOUNDARY = '----safelight-test-boundary';
export const FORM_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** A multipart body of the parts; `end` false leaves out the closing boundary. */
export function formBody(parts: readonly Part[], end = true): Buffer<ArrayBuffer> {
  const pieces = parts.flatMap(({ name, filename, headers = {}, body }) => {
    const file = filename === undefined ? '' : `; filename="${filename}"`;
    const lines = Object.entries(headers).map(([header, value]) => `${header}: ${value}\r\n`);
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${lines.join('')}\r\n`;
    return [Buffer.from(head), Buffer.from(body), Buffer.from('\r\n')];
  });
  return Buffer.concat([...pieces, Buffer.from(end ? `--${BOUNDARY}--\r\n` : '')]);
}

export function connectTo(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port), hostname);
}

/** Sends bytes as they are and reads the answer up to the end of the connection. */
export async function exchange(url: string, ...sent: readonly (string | Uint8Array)[]): Promise<RawAnswer> {
  const socket = connectTo(url);
  socket.write(Buffer.concat(sent.map((piece) => Buffer.from(piece))));
  return readAnswer(socket);
}

/** Reads one answer: to its Content-Length, or to the end of the connection. */
export async function readAnswer(socket: Socket): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      const answer = parse(Buffer.concat(chunks));
      if (answer && answer.body.length === Number(answer.headers.get('content-length') ?? -1)) break;
    }
  } catch (error) {
    // A connection that was cut may still have told its answer.
    if (!parse(Buffer.concat(chunks))) throw error;
  }
  const answer = parse(Buffer.concat(chunks));
  if (!answer) throw new Error(`no answer, but ${Buffer.concat(chunks).length} bytes and the end of the connection`);
  return answer;
}

function parse(bytes: Buffer): RawAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  if (status === 100) return parse(bytes.subarray(end + 4));
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { status, headers, body: bytes.subarray(end + 4) };
}
