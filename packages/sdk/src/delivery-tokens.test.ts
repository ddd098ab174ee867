import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { signToken } from '../../service/src/http/delivery-token.ts';
import { signDeliveryToken, signPresetUrl, signUrl } from './index.ts';

interface Vector {
  readonly key: string;
  readonly claims: { readonly expires: number; readonly images?: readonly string[] };
  readonly token: string;
}

const VECTORS = JSON.parse(
  await readFile(new URL('../../../test/golden/delivery-token-vectors.json', import.meta.url), 'utf8'),
) as Vector[];
const DOCUMENT = await readFile(new URL('../../../docs/URLS.md', import.meta.url), 'utf8');
const KEY = Buffer.alloc(32, 7);

describe('a delivery token', () => {
  it.each(VECTORS)('is the same by the SDK and by the service: $token', async ({ key, claims, token }) => {
    const secret = Buffer.from(key, 'base64url');
    expect(await signDeliveryToken(key, claims)).toBe(token);
    const { expires, images } = claims;
    expect(await signDeliveryToken(secret, { expires: new Date(expires * 1_000 + 999), images })).toBe(token);
    expect(signToken(secret, expires, images)).toBe(token);
  });

  it('is made with a key of 32 bytes', async () => {
    await expect(signDeliveryToken(Buffer.alloc(31), { expires: 1 })).rejects.toThrow(TypeError);
  });

  it('stands in the document as it is made', () => {
    const [, second] = VECTORS;
    expect(DOCUMENT).toContain(second?.token);
    expect(DOCUMENT).toContain(JSON.stringify(second?.claims));
  });
});

describe('the URL of a private image', () => {
  const image = `img_${'0'.repeat(26)}`;

  it('names a preset with its end', async () => {
    const address = { baseUrl: 'https://images.example.org', tenant: 'demo', image, key: KEY };
    const url = new URL(await signPresetUrl(address, 'small', { v: '0123456789ab', expires: 1_893_456_000 }));
    expect(url.pathname).toBe(`/i/demo/${image}/small`);
    expect(url.search).toMatch(/^\?v=0123456789ab&expires=1893456000&s=[\w-]{43}$/);
  });

  it('names no tenant at a domain of the tenant', async () => {
    const address = { baseUrl: 'https://img.shop.example', image, key: KEY };
    expect(new URL(await signUrl(address, { w: 80 })).pathname).toBe(`/${image}`);
    expect(new URL(await signPresetUrl(address, 'original')).pathname).toBe(`/${image}/original`);
  });
});
