import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@safelight/sdk';
import { DetailedError, Upload } from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, expectProblem } from '../support/answers.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { connectTo } from '../support/raw-http.ts';
import { append, begin, offsetOf, ofLength, type TusTarget, tus } from '../support/tus.ts';
import { until } from '../support/until.ts';

const MEBIBYTE = 2 ** 20;

describe('resumable uploads on two nodes', () => {
  let installation: Installation;
  let photo: Buffer;
  let one: FleetNode;
  let other: FleetNode;
  const at = (node: FleetNode): TusTarget => ({ url: node.url, headers: installation.tenant });
  const read = async (node: FleetNode, path: string) => {
    const answer = await fetch(`${node.url}${path}`, { headers: installation.tenant });
    return (await answer.json()) as { state: string; received: number; image?: { id: string; sha256: string } };
  };
  const count = async (table: string) => {
    const [row] = await installation.test.database.query<{ count: number }>(`SELECT count(*) AS count FROM ${table}`);
    return row?.count;
  };

  beforeAll(async () => {
    photo = await smallPhoto();
    installation = await createInstallation();
    [one, other] = await Promise.all([
      installation.start({ roles: 'api,worker' }),
      installation.start({ roles: 'api' }),
    ]);
  });
  afterAll(() => installation.close());

  it('tell what they speak', async () => {
    const answer = await fetch(`${one.url}/v1/uploads`, { method: 'OPTIONS' });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'tus-version': '1.0.0',
      'tus-extension': 'creation,creation-with-upload,termination,expiration',
      'tus-max-size': String(64 * MEBIBYTE),
      'access-control-allow-headers': expect.stringContaining('upload-offset'),
    });
  });

  it('take a picture in pieces, here and there, and make of it the image that any upload makes', async () => {
    const bytes = unlike(photo);
    const path = await begin(at(one), bytes.length, { filename: 'a picture.jpg', tags: 'red, blue' });
    const first = await append(at(one), path, 0, bytes.subarray(0, 40_000));
    expect(first.status).toBe(204);
    expect(first.headers.get('upload-offset')).toBe('40000');
    expect(Date.parse(first.headers.get('upload-expires') ?? '')).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    expect(await offsetOf(at(other), path)).toBe(40_000);
    expect(await read(other, path)).toMatchObject({ state: 'open', received: 40_000 });
    const last = await append(at(other), path, 40_000, bytes.subarray(40_000));
    expect(last.status).toBe(204);
    const id = last.headers.get('safelight-image');
    const image = await expectImage(await fetch(`${one.url}/v1/images/${id}`, { headers: installation.tenant }));
    expect(image).toMatchObject({
      sha256: createHash('sha256').update(bytes).digest('hex'),
      filename: 'a picture.jpg',
      tags: ['blue', 'red'],
      bytes: bytes.length,
    });
    expect(await read(one, path)).toMatchObject({ state: 'finished', image: { id } });
    // Asked again, it is the same; sent again, it is refused with where it stands.
    const head = await tus(at(one), 'HEAD', path);
    expect(head.headers.get('upload-offset')).toBe(String(bytes.length));
    expect(head.headers.get('safelight-image')).toBe(id);
    expect(head.headers.get('upload-metadata')).toContain('filename');
    await expectProblem(await append(at(one), path, 40_000, bytes.subarray(40_000)), 'upload_offset_conflict');
    const empty = await append(at(one), path, bytes.length, Buffer.of());
    expect(empty.headers.get('safelight-image')).toBe(id);
    expect(await count('upload_parts')).toBe(0);
  });

  it('take all of it with the creation', async () => {
    const bytes = unlike(photo);
    const headers = { 'upload-length': String(bytes.length), 'content-type': 'application/offset+octet-stream' };
    const answer = await tus(at(one), 'POST', '/v1/uploads', headers, bytes);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('upload-offset')).toBe(String(bytes.length));
    expect(answer.headers.get('safelight-image')).toMatch(/^img_/);
  });

  it('are spoken to by the client that the field uses', async () => {
    const bytes = unlike(photo);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const upload = new Upload(bytes, {
      endpoint: `${one.url}/v1/uploads`,
      headers: { ...installation.tenant },
      chunkSize: 30_000,
      metadata: { filename: 'client.jpg' },
      retryDelays: [100, 500, 1_000],
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('safelight-image') ?? ''),
    });
    upload.start();
    expect(await promise).toMatch(/^img_/);
    // What is no picture is told to it too, at the end.
    const nonsense = Promise.withResolvers<void>();
    new Upload(Buffer.from('no picture at all'), {
      endpoint: `${one.url}/v1/uploads`,
      headers: { ...installation.tenant },
      onError: nonsense.reject,
      onSuccess: () => nonsense.resolve(),
    }).start();
    const error = await nonsense.promise.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DetailedError);
    expect((error as DetailedError).originalResponse?.getBody()).toContain('image_invalid');
  });

  it('are sent by the SDK, which goes on after a reload with what it kept', async () => {
    const kept = new Map<string, string>();
    const storage = {
      getItem: (name: string) => kept.get(name) ?? null,
      setItem: (name: string, value: string) => void kept.set(name, value),
      removeItem: (name: string) => void kept.delete(name),
    };
    const bytes = unlike(photo);
    const file = new File([Uint8Array.from(bytes)], 'päge.jpg', { lastModified: 1 });
    const key = installation.tenant.authorization.slice('Bearer '.length);
    const gone = new AbortController();
    let offsets: string[] = [];
    const clientOf = (node: FleetNode, piecesMax: number) =>
      createClient({
        baseUrl: 'http://balancer.example',
        key,
        // The balancer: it sends to whichever node there is.
        fetch: (input, init) => {
          const offset = new Headers(init?.headers).get('upload-offset');
          if (offset !== null) offsets.push(offset);
          if (offsets.length > piecesMax) gone.abort(new Error('the page is gone'));
          return fetch(String(input).replace('http://balancer.example', node.url), init);
        },
      });
    const options = { storage, pieceBytes: 10_000, tags: ['sdk'] };
    const first = clientOf(one, 2);
    await expect(first.uploads.resumable(file, { ...options, signal: gone.signal })).rejects.toThrow(
      'the page is gone',
    );
    expect(first.uploads.interrupted(storage)).toMatchObject([{ filename: 'päge.jpg', bytes: bytes.length }]);
    offsets = [];
    const told: number[] = [];
    const onProgress = ({ bytesSent }: { bytesSent: number }) => told.push(bytesSent);
    const next = clientOf(other, 1_000);
    const image = await next.uploads.resumable(file, { ...options, onProgress });
    expect(Number(offsets[0])).toBeGreaterThanOrEqual(20_000);
    expect(told.at(-1)).toBe(bytes.length);
    expect(image).toMatchObject({ filename: 'päge.jpg', tags: ['sdk'], bytes: bytes.length });
    expect(next.uploads.interrupted(storage)).toEqual([]);
    // What is finished and forgotten begins anew.
    const again = await next.uploads.resumable(file, options);
    expect(again.id).not.toBe(image.id);
  });

  it('keep what came before a connection broke, and before a body was silent', async () => {
    const bytes = unlike(photo);
    const path = await begin(at(one), bytes.length);
    const socket = connectTo(one.url);
    const { authorization } = installation.tenant;
    socket.write(`PATCH ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ntus-resumable: 1.0.0\r\n`);
    socket.write(`content-type: application/offset+octet-stream\r\nupload-offset: 0\r\n`);
    socket.write(`content-length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes.subarray(0, 30_000));
    await sleep(200);
    // Still open: whoever resumes at another node takes over from a request that may be as good as dead.
    expect(await offsetOf(at(other), path)).toBe(30_000);
    socket.destroy();
    expect((await append(at(other), path, 30_000, bytes.subarray(30_000))).status).toBe(204);
    expect(await read(one, path)).toMatchObject({ state: 'finished' });
  });

  it('are finished once, however many nodes finish them at once', async () => {
    const bytes = unlike(photo);
    const path = await begin(at(one), bytes.length);
    await append(at(one), path, 0, bytes.subarray(0, 1_000));
    const before = await count('images');
    const answers = await Promise.all(
      [one, other, one, other].map((node) => append(at(node), path, 1_000, bytes.subarray(1_000))),
    );
    const ids = answers.map((answer) => answer.headers.get('safelight-image')).filter((id) => id !== null);
    expect(new Set(ids).size).toBe(1);
    for (const { status } of answers) expect([204, 409, 423]).toContain(status);
    expect((await read(other, path)).image?.id).toBe(ids[0]);
    expect(await count('images')).toBe((before ?? 0) + 1);
  });

  it('hold to the same bounds as any upload', async () => {
    const post = (headers: Record<string, string>) => tus(at(one), 'POST', '/v1/uploads', headers);
    const tooLong = await post({ 'upload-length': String(64 * MEBIBYTE + 1) });
    expect((await expectProblem(tooLong, 'upload_too_large')).bound).toMatchObject({ limit: 64 * MEBIBYTE });
    await expectProblem(await post({ 'upload-length': '0' }), 'image_invalid');
    await expectProblem(await post({ 'upload-length': '-1' }), 'request_invalid');
    await expectProblem(await post({ 'upload-defer-length': '1' }), 'request_invalid');
    await expectProblem(await post({ 'upload-length': '5', 'upload-metadata': 'a %' }), 'request_invalid');
    const old = await fetch(`${one.url}/v1/uploads`, { method: 'POST', headers: installation.tenant });
    await expectProblem(old, 'tus_version_unsupported');
    const path = await begin(at(one), 10);
    await expectProblem(await append(at(one), path, 0, Buffer.alloc(11)), 'upload_too_large');
    await expectProblem(await append(at(one), path, 5, Buffer.alloc(5)), 'upload_offset_conflict');
    await expectProblem(await append(at(one), path, 0, Buffer.from('no picture')), 'image_invalid');
    await expectProblem(await append(at(one), path, 0, Buffer.from('no picture')), 'upload_gone');
    expect(await read(one, path)).toMatchObject({ state: 'refused', problem: { code: 'image_invalid' } });
    const digest = createHash('sha256').update(photo).digest('hex');
    const other = await begin(at(one), photo.length, { sha256: digest });
    const changed = Buffer.from(photo);
    changed[photo.length - 10] = (changed[photo.length - 10] ?? 0) ^ 1;
    await expectProblem(await append(at(one), other, 0, changed), 'upload_mismatch');
  });

  it('end when they are told to, and when their time is over, as the janitor will find them', async () => {
    const path = await begin(at(one), 100_000);
    await append(at(one), path, 0, Buffer.alloc(500));
    expect((await tus(at(other), 'DELETE', path)).status).toBe(204);
    expect((await tus(at(one), 'HEAD', path)).status).toBe(404);
    const late = await begin(at(one), 100_000);
    await append(at(one), late, 0, Buffer.alloc(500));
    const { database } = installation.test;
    await database.query(`UPDATE uploads SET expires_at = now() - interval '1 s' WHERE state = 'open'`);
    expect((await tus(at(other), 'HEAD', late)).status).toBe(410);
    await expectProblem(await append(at(one), late, 500, Buffer.alloc(1)), 'upload_gone');
  });

  it('go on after SIGKILL of their node, at another one, from where bytes were durable', async () => {
    const bytes = ofLength(photo, 20 * MEBIBYTE);
    const path = await begin(at(other), bytes.length);
    const socket = connectTo(other.url);
    socket.on('error', () => undefined);
    const { authorization } = installation.tenant;
    socket.write(`PATCH ${path} HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ntus-resumable: 1.0.0\r\n`);
    socket.write(`content-type: application/offset+octet-stream\r\nupload-offset: 0\r\n`);
    socket.write(`content-length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes.subarray(0, 19 * MEBIBYTE));
    await until('two pieces are there', async () => (await read(one, path)).received === 16 * MEBIBYTE);
    await other.kill();
    socket.destroy();
    // The dead node's lease is waited for, and not a client's problem.
    expect(await offsetOf(at(one), path)).toBe(16 * MEBIBYTE);
    const rest = await append(at(one), path, 16 * MEBIBYTE, bytes.subarray(16 * MEBIBYTE));
    expect(rest.status).toBe(204);
    const { image } = await read(one, path);
    expect(image?.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });
});
