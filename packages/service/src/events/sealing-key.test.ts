import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { loadSealingKey, signatureCheck } from './sealing-key.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safelight-key-'));
  return () => rm(folder, { recursive: true });
});

test('a key is made once, for its owner alone, and read ever after', async () => {
  const file = join(folder, 'sealing-key');
  const first = await loadSealingKey(file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const pem = await readFile(file, 'utf8');
  expect((await loadSealingKey(file)).keyId).toBe(first.keyId);
  expect(await readFile(file, 'utf8')).toBe(pem);
});

test('processes that start together on an empty folder get the same key, and leave nothing else', async () => {
  const keys = await Promise.all(Array.from({ length: 10 }, () => loadSealingKey(join(folder, 'sealing-key'))));
  expect(new Set(keys.map((key) => key.keyId)).size).toBe(1);
  expect(await readdir(folder)).toEqual(['sealing-key']);
});

test('a signature counts for the bytes that were signed and for the keys that are trusted', async () => {
  const [key, other] = await Promise.all([loadSealingKey(join(folder, 'one')), loadSealingKey(join(folder, 'two'))]);
  const bytes = Buffer.from('a statement');
  const signature = key.sign(bytes);
  const check = signatureCheck([key.publicKey]);
  expect(check(key.keyId, bytes, signature)).toBe(true);
  expect(check(key.keyId, Buffer.from('another'), signature)).toBe(false);
  expect(check(key.keyId, bytes, other.sign(bytes))).toBe(false);
  expect(check(other.keyId, bytes, other.sign(bytes))).toBe(false);
  expect(check(key.keyId, bytes, Buffer.alloc(3))).toBe(false);
  const checkBoth = signatureCheck([other.publicKey, key.publicKey]);
  expect(checkBoth(key.keyId, bytes, signature)).toBe(true);
  expect(checkBoth(other.keyId, bytes, signature)).toBe(false);
});

test('a file that holds no Ed25519 key stops the start with a reason', async () => {
  const file = join(folder, 'rsa');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await expect(loadSealingKey(file)).rejects.toThrow('must be Ed25519');
});
