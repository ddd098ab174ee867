import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PRESETS, tenantSettingsSchema } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { uploadOf } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { acceptImage, deleteImage, getImage, type Image, trashImage } from '../images/index.ts';
import { keepLocations } from '../originals/index.ts';
import { exportTenant } from './export-tenant.ts';
import { importImages } from './import-tenant.ts';
import { type ArchiveManifest, checkArchive } from './tenant-archive.ts';

const LOCATION = { latitude: 48.8582194, longitude: 2.2945, altitudeMetres: 35 };

describe('an archive of a tenant', () => {
  let log: TestLog;
  let elsewhere: TestLog;
  let folder: string;
  let archive: string;
  let images: Image[];
  let bytes: Buffer[];

  beforeAll(async () => {
    [log, elsewhere] = await Promise.all([createTestLog(), createTestLog(15)]);
    folder = await mkdtemp(join(tmpdir(), 'safelight-archive-'));
    archive = join(folder, 'a.tar');
    const { a } = log.tenants;
    await log.database.transaction((tx) => keepLocations(tx, systemClock, a, true));
    bytes = [randomBytes(100_000), randomBytes(512), randomBytes(1)];
    const [large, block, one] = bytes as [Buffer, Buffer, Buffer];
    images = [
      await accept(large, { filename: 'größe.jpg', tags: ['beach', 'sun'] }),
      await accept(large, { isPrivate: true }),
      await accept(block, {}),
      await accept(one, {}),
    ];
    const { imageId } = await accept(randomBytes(9), {});
    await trashImage(log.database, systemClock, { tenantId: a, imageId, actor: 'test', days: 1 });
    await log.sealAll();
    await exportTo(archive);
  });
  afterAll(async () => {
    await Promise.all([log.close(), elsewhere.close()]);
    await rm(folder, { recursive: true });
  });

  const accept = async (content: Buffer, more: object): Promise<Image> => {
    const upload = { ...uploadOf(log.tenants.a, content), ...more };
    await log.store.put(upload.objectKey, content);
    const facts = { ...upload.facts, header: { location: LOCATION } };
    return (await acceptImage(log.database, systemClock, { ...upload, facts })).image;
  };
  const exportTo = (path: string) => {
    const manifest: ArchiveManifest = {
      ...({ format: 'safelight-tenant', version: 1, safelight: '0', exportedAt: '2026-01-01T00:00:00Z' } as const),
      tenant: {
        ...{ id: log.tenants.a, name: 'tenant-a', plan: 'unlimited', unsignedUrls: 'presets', iiif: 'off' },
        ...{ keepsLocation: true, settings: tenantSettingsSchema.parse({}) },
      },
      presets: [],
    };
    return exportTenant({ ...log, clock: systemClock }, log.tenants.a, manifest, path);
  };
  const check = async (path: string) => {
    const file = await open(path, 'r');
    return checkArchive(file).finally(() => file.close());
  };
  const bring = async (to: TestLog, tenantId: string) => {
    const file = await open(archive, 'r');
    const renamed = new Map<string, string>();
    const onRenamed = (from: string, now: string) => renamed.set(from, now);
    const request = { tenantId, transformations: Object.values(PRESETS), onRenamed };
    const done = await importImages({ ...to, clock: systemClock }, file, request).finally(() => file.close());
    return { done, renamed };
  };

  it('is one that any tar reads, with the bytes as they were sent and nothing secret', async () => {
    const names = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n');
    expect(names).toEqual([
      'manifest.json',
      expect.stringMatching(/^images\/000001-/),
      ...images.slice(1).map(() => expect.stringMatching(/^originals\//)),
      expect.stringMatching(/^events\/000001-/),
      'end.json',
    ]);
    execFileSync('tar', ['-xf', archive, '-C', folder]);
    for (const image of images) {
      const sha256 = Buffer.from(image.sha256).toString('hex');
      const content = await readFile(join(folder, 'originals', sha256));
      expect(bytes.some((each) => each.equals(content))).toBe(true);
    }
    expect(await check(archive)).toMatchObject({ end: { images: 4, originals: 3 } });
    const whole = (await readFile(archive)).toString('latin1');
    const secrets = await log.database.query<{ secret: Buffer }>('SELECT url_secret AS secret FROM tenants');
    for (const { secret } of secrets) expect(whole).not.toContain(secret.toString('latin1'));
  });

  it('brings the images to another installation under their ids, with all that they were', async () => {
    const { b } = elsewhere.tenants;
    await elsewhere.database.transaction((tx) => keepLocations(tx, systemClock, b, true));
    expect(await bring(elsewhere, b)).toEqual({
      done: { images: 4, there: 0, renamed: 0, bytes: 100_513 },
      renamed: new Map(),
    });
    for (const image of images) {
      const found = await getImage(elsewhere.database, b, image.imageId);
      const { filename, tags, isPrivate, createdAt, sha256, width, location } = image;
      expect(found).toMatchObject({ state: 'found', value: { filename, tags, isPrivate, createdAt, width } });
      expect(found.state === 'found' && Buffer.from(found.value.sha256).equals(sha256)).toBe(true);
      expect(found.state === 'found' && found.value.location).toEqual(location ?? LOCATION);
    }
    const objects = await elsewhere.database.query<{ object_key: string; bytes: number }>('SELECT * FROM originals');
    for (const { object_key, bytes: length } of objects) {
      expect(await elsewhere.store.stat(object_key)).toMatchObject({ bytes: length });
    }
    const jobs = await elsewhere.database.query('SELECT DISTINCT lane FROM jobs');
    expect(jobs).toEqual([{ lane: 'batch' }]);
    // Once more changes nothing.
    expect((await bring(elsewhere, b)).done).toEqual({ images: 0, there: 4, renamed: 0, bytes: 0 });
  });

  it('gives an image whose id is somebody’s another, and the same each time', async () => {
    const { b } = log.tenants;
    const { done, renamed } = await bring(log, b);
    expect(done).toMatchObject({ images: 4, renamed: 4 });
    for (const image of images) {
      const found = await getImage(log.database, b, renamed.get(image.imageId) ?? '');
      expect(found).toMatchObject({ state: 'found', value: { createdAt: image.createdAt } });
    }
    expect((await bring(log, b)).done).toEqual({ images: 0, there: 4, renamed: 0, bytes: 0 });
  });

  it('is refused when a byte of it is another, and the entry is named', async () => {
    const whole = await readFile(archive);
    const broken = join(folder, 'broken.tar');
    const names: string[] = [];
    for (let at = 0; whole[at] !== 0; ) {
      const name = whole.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
      const length = Number.parseInt(whole.toString('latin1', at + 124, at + 135), 8);
      names.push(name);
      const copy = Buffer.from(whole);
      copy.writeUInt8((copy[at + 512 + Math.floor(length / 2)] ?? 0) ^ 1, at + 512 + Math.floor(length / 2));
      await writeFile(broken, copy);
      await expect(check(broken)).rejects.toThrow(name);
      // Cut off behind it, and in it.
      await writeFile(broken, whole.subarray(0, at + 512 + length));
      await expect(check(broken)).rejects.toThrow(/before its end/);
      await writeFile(broken, whole.subarray(0, at + 512 + length - 1));
      await expect(check(broken)).rejects.toThrow(`the archive ends in the middle of ${name}`);
      // Without it.
      const next = at + 512 + Math.ceil(length / 512) * 512;
      await writeFile(broken, Buffer.concat([whole.subarray(0, at), whole.subarray(next)]));
      await expect(check(broken)).rejects.toThrow();
      at = next;
    }
    expect(names).toHaveLength(7);
  });

  it('is not left half written when an original is damaged', async () => {
    const [image] = images as [Image];
    const [row] = await log.database.query<{ object_key: string }>(
      'SELECT object_key FROM originals WHERE original_id = $1',
      [image.originalId],
    );
    const key = row?.object_key ?? '';
    await log.store.remove([key]);
    await log.store.put(key, randomBytes(100_000));
    const path = join(folder, 'never.tar');
    await expect(exportTo(path)).rejects.toThrow(/^the original of img_\w+ is damaged/);
    await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await deleteImage(log.database, systemClock, { tenantId: log.tenants.a, imageId: image.imageId, actor: 'test' });
  });
});
