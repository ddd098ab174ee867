import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Transformation } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fitsSignature, splitSignature, withSignature } from '../../service/src/http/signature.ts';
import { imageUrl, signSrcset, signUrl, srcset, type UrlOptions } from './index.ts';

interface Vector {
  readonly key: string;
  readonly path: string;
  readonly signed: string;
  readonly image?: string;
  readonly transformation?: Transformation;
  readonly options?: UrlOptions;
}

const VECTORS = JSON.parse(
  await readFile(new URL('../../../test/golden/url-vectors.json', import.meta.url), 'utf8'),
) as Vector[];
const DOCUMENT = await readFile(new URL('../../../docs/URLS.md', import.meta.url), 'utf8');
const BASE = 'https://images.example.org';
const KEY = Buffer.alloc(32, 7);
const ADDRESS = { baseUrl: BASE, tenant: 'demo', image: `img_${'0'.repeat(26)}` };

describe('the test vectors', () => {
  it.each(VECTORS)('hold for the SDK and the service: $path', async ({ key, path, signed, ...asked }) => {
    const secret = Buffer.from(key, 'base64url');
    expect(withSignature(secret, path)).toBe(signed);
    const split = splitSignature(signed);
    expect(split.kind === 'signed' && fitsSignature([secret], split.text, split.signature)).toBe(true);
    if (!asked.transformation || !asked.image) return;
    const address = { ...ADDRESS, image: asked.image };
    expect(await signUrl({ ...address, key }, asked.transformation, asked.options)).toBe(`${BASE}${signed}`);
    expect(await signUrl({ ...address, key: secret }, asked.transformation, asked.options)).toBe(`${BASE}${signed}`);
    expect(imageUrl(address, asked.transformation, asked.options)).toBe(`${BASE}${path}`);
  });
});

describe('what is left to the service', () => {
  it('stands in the URL and is signed with it', async () => {
    const left = { auto: ['format', 'compress'], ch: ['width', 'save-data'] } as const;
    const url = imageUrl(ADDRESS, { w: 800 }, left);
    expect(new URL(url).search).toBe('?fit=max&w=800&auto=format,compress&ch=width,save-data');
    expect((await signUrl({ ...ADDRESS, key: KEY }, { w: 800 }, left)).startsWith(`${url}&s=`)).toBe(true);
    expect(imageUrl(ADDRESS, { w: 800 }, { auto: [], ch: [] })).toBe(imageUrl(ADDRESS, { w: 800 }));
  });
});

describe('the programs of the document', () => {
  const INTERPRETERS = [
    { language: 'python', command: 'python3', file: 'sign.py', args: [] },
    { language: 'php', command: 'php', file: 'sign.php', args: [] },
    { language: 'go', command: 'go', file: 'sign.go', args: ['run'] },
    { language: 'ruby', command: 'ruby', file: 'sign.rb', args: [] },
    { language: 'sh', command: 'openssl', file: 'sign.sh', args: [] },
  ] as const;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-sign-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  for (const { language, command, file, args } of INTERPRETERS) {
    const isThere = spawnSync(command, ['version']).error === undefined;
    it.skipIf(!isThere)(`sign as the vectors do, in ${language}`, async () => {
      const [, program] = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(DOCUMENT) ?? [];
      const path = join(folder, file);
      await writeFile(path, program ?? '');
      const run = language === 'sh' ? 'sh' : command;
      for (const { key, path: given, signed } of VECTORS) {
        const { stdout } = await promisify(execFile)(run, [...args, path, key, given]);
        expect(stdout.trim()).toBe(signed);
      }
    });
  }
});

describe('a URL', () => {
  it('is the same however its transformation was written, so that caches keep one', async () => {
    expect(imageUrl(ADDRESS, { h: 20, w: 10, fit: 'clip', dpr: 2 })).toBe(imageUrl(ADDRESS, { w: 20, h: 40 }));
  });

  it('bears a base with a slash, a path of a proxy, or as a URL; the signature covers what follows', async () => {
    const signed = await signUrl({ ...ADDRESS, key: KEY }, { w: 10 });
    const path = signed.slice(BASE.length);
    for (const baseUrl of [`${BASE}/`, new URL(BASE), `${BASE}/pictures/`]) {
      const url = await signUrl({ ...ADDRESS, baseUrl, key: KEY }, { w: 10 });
      expect(url.endsWith(path)).toBe(true);
    }
  });

  it('takes a date or seconds as its end', async () => {
    const expires = new Date('2030-01-01T00:00:00.999Z');
    expect(imageUrl(ADDRESS, { w: 10 }, { expires })).toContain('&expires=1893456000');
    expect(imageUrl(ADDRESS, { w: 10 }, { expires: 1893456000 })).toContain('&expires=1893456000');
  });

  it('is not signed with half a key', async () => {
    await expect(signUrl({ ...ADDRESS, key: KEY.subarray(1) }, { w: 10 })).rejects.toThrow('32 bytes, not 31');
  });
});

describe('a srcset', () => {
  it('has a URL for each width, its box in proportion', () => {
    const at = (w: number, h: number) => imageUrl(ADDRESS, { w, h, fit: 'crop' });
    expect(srcset(ADDRESS, { w: 400, h: 300, fit: 'crop' }, { widths: [200, 800] })).toBe(
      `${at(200, 150)} 200w, ${at(800, 600)} 800w`,
    );
    expect(srcset(ADDRESS, { h: 50 }, { widths: [7] })).toBe(`${imageUrl(ADDRESS, { w: 7, h: 50 })} 7w`);
  });

  it('has a URL for each density of the screen', () => {
    expect(srcset(ADDRESS, { w: 100 }, { densities: [1, 1.5, 2] })).toBe(
      [100, 150, 200].map((w, index) => `${imageUrl(ADDRESS, { w })} ${[1, 1.5, 2][index]}x`).join(', '),
    );
  });

  it('is signed URL by URL', async () => {
    const text = await signSrcset({ ...ADDRESS, key: KEY }, { fm: 'webp' }, { widths: [10, 20] }, { dl: 'a,b.webp' });
    const urls = text.split(', ').map((entry) => entry.split(' ')[0]);
    expect(urls).toEqual(
      await Promise.all([10, 20].map((w) => signUrl({ ...ADDRESS, key: KEY }, { fm: 'webp', w }, { dl: 'a,b.webp' }))),
    );
  });
});
