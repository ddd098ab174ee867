import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { loadSealingKey, publishSealingKey, readPublishedKeys, type SealingKey, verifyEvents } from './index.ts';
import { sealingKeyFromPem } from './sealing-key.ts';

describe('the keys of several sealers', () => {
  let log: TestLog;
  let other: SealingKey;
  beforeAll(async () => {
    log = await createTestLog();
    other = await loadSealingKey(join(log.directory, 'other-key'));
    await publishSealingKey(log.store, log.key);
    await log.record(log.tenants.a, 3);
    await log.sealAll();
    await log.record(log.tenants.a, 3);
    await log.startSealer({ key: other }).stop();
  });
  afterAll(() => log.close());

  const verify = async () =>
    verifyEvents({ database: log.database, anchors: log.store, publicKeys: await readPublishedKeys(log.store) });

  it('count for nothing before they are published: whoever rewrites the database alone cannot sign it', async () => {
    const report = await verify();
    expect(new Set(report.findings.map(({ kind }) => kind))).toEqual(new Set(['bad_signature']));
    expect(report.keyIds).toEqual([log.key.keyId]);
  });

  it.each([
    ['another key under the name of a trusted one', () => pemOf(other)],
    ['no key at all', () => 'not a key'],
    ['more bytes than a key has', () => `${pemOf(other)}${'#'.repeat(2_000)}`],
  ])('are not believed when an object holds %s', async (_, text) => {
    const name = `system/sealing-keys/seal_${'0'.repeat(16)}`;
    await log.store.put(name, Buffer.from(text()));
    const keys = await readPublishedKeys(log.store);
    expect(keys.map((key) => key.equals(log.key.publicKey))).toEqual([true]);
    await log.store.remove([name]);
  });

  it('are all found in the object store: no sealer accuses another', async () => {
    await publishSealingKey(log.store, other);
    await publishSealingKey(log.store, other);
    expect(await verify()).toMatchObject({ findings: [], keyIds: [log.key.keyId, other.keyId].sort() });
  });
});

it('a private key that is none stops the start, and shows nothing of itself', () => {
  expect(() => sealingKeyFromPem('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----')).toThrow(
    /^the sealing key cannot be read: it must be a private key in PEM form \(PKCS #8\)$/,
  );
});

function pemOf(key: SealingKey): string {
  return String(key.publicKey.export({ type: 'spki', format: 'pem' }));
}
