import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database.ts';
import { until } from '../../../../test/support/until.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { openBackup } from '../backup/index.ts';
import { type Config, loadConfig } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { acceptImage, deleteImage } from '../images/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { backUp } from './backup.ts';
import { holdRemovals } from './held-removals.ts';
import { folderSource } from './object-sources.ts';
import { openObjectStore } from './object-store.ts';
import { restoreBackup } from './restore.ts';
import { restoreObjects } from './restore-objects.ts';

const BYTES = Buffer.from('the bytes of an original');
const ANCHOR_KNOWN = `system/anchors/${'0'.repeat(16)}-${newId('object', systemClock)}`;
const ANCHOR_AHEAD = `system/anchors/${'9'.padStart(16, '0')}-${newId('object', systemClock)}`;

describe('a backup of a database that is kept by other means', () => {
  let test: TestDatabase;
  let folder: string;
  let config: Config;
  let store: ObjectStore;
  beforeAll(async () => {
    test = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'safelight-backup-'));
    const { host, port, user, password, database } = test.service;
    const url = `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host ?? '')}&port=${port}`;
    ({ config } = loadConfig({ DATABASE_URL: url, SAFELIGHT_DATA: folder }, {}));
    store = holdRemovals(await openObjectStore(config), test.database);
  });
  afterAll(async () => {
    await test.close();
    await rm(folder, { recursive: true });
  });

  async function accept(bytes: Buffer) {
    const upload = uploadOf(test.tenants.a, bytes);
    await store.put(upload.objectKey, bytes);
    const { image } = await acceptImage(test.database, systemClock, upload);
    return { tenantId: test.tenants.a, imageId: image.imageId, objectKey: upload.objectKey };
  }

  /** As the route does: the rows, and when those are gone the objects. */
  async function remove(image: { tenantId: string; imageId: string }): Promise<void> {
    const deleted = await deleteImage(test.database, systemClock, { ...image, actor: 'test' });
    await store.remove(deleted.state === 'found' ? deleted.value.objectKeys : []);
  }

  function backup(name: string, databaseCommand: string | undefined, copies = false) {
    return backUp(config, { folder: join(folder, name), copies, databaseCommand, progress: () => undefined });
  }

  it('holds every object that its database named in any moment of its command, also what was deleted since', async () => {
    for (const key of [ANCHOR_KNOWN, ANCHOR_AHEAD]) await store.put(key, BYTES);
    const image = await accept(BYTES);
    const [began, go] = [join(folder, 'began'), join(folder, 'go')];
    const made = backup('held', `touch '${began}'; while ! test -e '${go}'; do sleep 0.02; done`);
    await until('the command runs', () => existsSync(began));
    await remove(image);
    // The row is gone; who restores the database that the command has seen by now would have it again.
    expect(await store.stat(image.objectKey)).toBeDefined();
    await writeFile(go, '');
    expect(await made).toMatchObject({ database: { kind: 'elsewhere' }, objects: 3 });
    const source = await folderSource(join(folder, 'held'));
    expect((await source.open(image.objectKey))?.destroy()).toBeDefined();
    // What stays is nobody's, and what is deleted from now on goes at once.
    const next = await accept(Buffer.from('other bytes'));
    await remove(next);
    expect(await store.stat(next.objectKey)).toBeUndefined();
  });

  it('is none when its command fails', async () => {
    await expect(backup('failed', 'exit 3')).rejects.toThrow('the command for the database ended with 3');
    expect((await readdir(folder)).filter((name) => name.startsWith('failed'))).toEqual([]);
  });

  it('tells of objects that are not what their rows say', async () => {
    const image = await accept(Buffer.from('whole bytes'));
    await store.remove([image.objectKey]);
    await store.put(image.objectKey, Buffer.from('wrong bytes'));
    expect(await backup('damaged', undefined, true)).toMatchObject({ damaged: [image.objectKey] });
    await remove(image);
  });

  it('gives its objects back, and no database', async () => {
    const restored = { backup: join(folder, 'held'), archive: undefined, objects: [], progress: () => undefined };
    await expect(restoreBackup({ ...restored, to: join(folder, 'at'), at: 'latest' })).rejects.toThrow(/objects alone/);
    const to = join(folder, 'restored');
    expect(await restoreBackup({ ...restored, to, at: undefined })).toMatchObject({ objects: 3, lackingTotal: 0 });
    expect(await readdir(to)).toEqual(['objects']);
  });

  it('gives an object of the first place that has it whole, and tells of one that is nowhere', async () => {
    const [whole, lost] = [await accept(BYTES), await accept(Buffer.from('bytes that nobody keeps'))];
    const again = await openFsObjectStore({ directory: join(folder, 'again') });
    const place = (name: string, bytes: Buffer) => ({ name, open: async () => Readable.from([bytes]) });
    const sources = [place('damaged', Buffer.from('THE bytes of an original')), place('whole', BYTES)];
    const backup = join(folder, 'held');
    const { files } = await openBackup(backup);
    const restored = await restoreObjects({ database: test.database, store: again, sources, backup, files: files() });
    expect(restored).toMatchObject({ objects: 1, bytes: BYTES.length, lackingTotal: 1 });
    expect(restored.lacking).toEqual([expect.objectContaining({ objectKey: lost.objectKey, kind: 'original' })]);
    const keys: string[] = [];
    for await (const { key } of again.list('')) keys.push(key);
    // The log of this database has not come as far as the other anchor.
    expect(keys.sort()).toEqual([ANCHOR_KNOWN, whole.objectKey]);
  });

  it('does not write over anything', async () => {
    await expect(backup('held', undefined)).rejects.toThrow(/is not empty/);
    await expect(backup('held/data/objects/objects', undefined)).rejects.toThrow(/is not empty/);
  });
});
