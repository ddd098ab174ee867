import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Config, loadConfig } from '../config.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { loadSealingKey, publishSealingKey, type SealingKey, sealingKeyId } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { trustedKeys } from './sealing.ts';

let folder: string;
let store: ObjectStore;
/** Of this machine, of another one that has published it, and of nobody whom anybody knows. */
let own: SealingKey;
let other: SealingKey;
let stranger: SealingKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safelight-sealing-'));
  store = await openFsObjectStore({ directory: join(folder, 'objects') });
  [own, other, stranger] = (await Promise.all(
    ['sealing-key.pem', 'other.pem', 'stranger.pem'].map((name) => loadSealingKey(join(folder, name))),
  )) as [SealingKey, SealingKey, SealingKey];
  await publishSealingKey(store, other);
});
afterAll(() => rm(folder, { recursive: true }));

const configOf = (env: Record<string, string>): Config => loadConfig({ SAFELIGHT_DATA: folder, ...env }, {}).config;
const trusted = async (env: Record<string, string> = {}) =>
  (await trustedKeys(configOf(env), store)).map(sealingKeyId).sort();

it('a machine trusts its own key and those that the object store lists', async () => {
  expect(await trusted()).toEqual([own.keyId, other.keyId].sort());
});

it('a machine that never sealed trusts those that the object store lists', async () => {
  expect(await trusted({ SAFELIGHT_DATA: join(folder, 'empty') })).toEqual([other.keyId]);
});

it('keys that are pinned are trusted alone, and only where they are known', async () => {
  expect(await trusted({ SAFELIGHT_SEALING_KEYS_TRUSTED: other.keyId })).toEqual([other.keyId]);
  expect(await trusted({ SAFELIGHT_SEALING_KEYS_TRUSTED: `${own.keyId}, ${stranger.keyId}` })).toEqual([own.keyId]);
});

it('a key that all share stands in the place of the folder’s own', async () => {
  const shared = join(folder, 'stranger.pem');
  expect(await trusted({ SAFELIGHT_SEALING_KEY_FILE: shared })).toEqual([other.keyId, stranger.keyId].sort());
});
