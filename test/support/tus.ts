import { randomBytes } from 'node:crypto';

/** Speaks tus by hand, so that a test says what is on the wire. */
export interface TusTarget {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const TYPE = { 'content-type': 'application/offset+octet-stream' };

export function tus(target: TusTarget, method: string, path: string, headers = {}, body?: Uint8Array) {
  const url = path.startsWith('http') ? path : `${target.url}${path}`;
  return fetch(url, {
    method,
    headers: { ...target.headers, 'tus-resumable': '1.0.0', ...headers },
    ...(body && { body: Uint8Array.from(body) }),
  });
}

/** @returns the path of a new upload. */
export async function begin(target: TusTarget, bytes: number, metadata?: Record<string, string>): Promise<string> {
  const told = Object.entries(metadata ?? {}).map(
    ([name, value]) => `${name} ${Buffer.from(value).toString('base64')}`,
  );
  const answer = await tus(target, 'POST', '/v1/uploads', {
    'upload-length': String(bytes),
    ...(told.length > 0 && { 'upload-metadata': told.join(',') }),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return new URL(answer.headers.get('location') ?? '').pathname;
}

export function append(target: TusTarget, path: string, offset: number, bytes: Uint8Array) {
  return tus(target, 'PATCH', path, { ...TYPE, 'upload-offset': String(offset) }, bytes);
}

export async function offsetOf(target: TusTarget, path: string): Promise<number> {
  const answer = await tus(target, 'HEAD', path);
  if (answer.status !== 200) throw new Error(`HEAD answers ${answer.status}`);
  return Number(answer.headers.get('upload-offset'));
}

/** A JPEG of so many bytes: what follows its end is not its picture. */
export function ofLength(jpeg: Uint8Array, bytes: number): Buffer {
  return Buffer.concat([jpeg, randomBytes(bytes - jpeg.length)]);
}
