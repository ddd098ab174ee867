import { createHash, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { bytesOf, freshKey, type Store } from './object-store-samples.contract.ts';

const SECONDS_MAX = 60;

/** What a store does that lets others put and read by URLs which it signs. */
export function specifyPresigned(store: Store): void {
  it('lets whoever has the URL put the object, of the announced length alone', async (context) => {
    const { presignPut } = store();
    if (!presignPut) return context.skip('this store signs no URLs');
    const key = freshKey();
    const body = randomBytes(5_000);
    const sha256 = createHash('sha256').update(body).digest();
    const signed = await presignPut.call(store(), key, { bytes: body.length, sha256, secondsMax: SECONDS_MAX });
    const put = (bytes: Buffer, url = signed.url, headers = signed.headers) =>
      fetch(url, { method: 'PUT', headers: { ...headers }, body: Uint8Array.from(bytes) });
    expect((await put(randomBytes(5_001))).status).toBe(403);
    expect((await put(body, signed.url.replace(key, freshKey()))).status).toBe(403);
    expect((await put(body, signed.url, { ...signed.headers, 'x-amz-checksum-sha256': 'AAAA' })).status).toBe(403);
    expect(await store().stat(key)).toBeUndefined();
    expect((await put(body)).status).toBe(200);
    expect((await bytesOf(store(), key)).equals(body)).toBe(true);
  });

  it('lets whoever has the URL read the object, and nobody change what it names', async (context) => {
    const { presignGet } = store();
    if (!presignGet) return context.skip('this store signs no URLs');
    const [key, other] = [freshKey(), freshKey()];
    await Promise.all([store().put(key, Buffer.from('yours')), store().put(other, Buffer.from('not yours'))]);
    const url = await presignGet.call(store(), key, { secondsMax: SECONDS_MAX });
    expect(await (await fetch(url)).text()).toBe('yours');
    expect((await fetch(url.replace(key, other))).status).toBe(403);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(403);
    expect((await fetch(url.replace(/X-Amz-Expires=\d+/, 'X-Amz-Expires=86400'))).status).toBe(403);
  });
}
