import { chmod, mkdtemp, open, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { placeOf } from '../../packages/service/src/drivers/fs-object-store/layout.ts';
import { expectImage, sendImage } from '../support/answers.ts';
import { runCommand } from '../support/command.ts';
import { expectNothingLeft } from '../support/leftovers.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

interface Objects {
  readonly original: string;
  readonly small: string;
}

describe('a scrub beside a running node', { timeout: 120_000 }, () => {
  let folder: string;
  let node: Safelight;
  let env: Record<string, string>;
  let ids: string[];
  let bodies: Map<string, Buffer>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-scrub-'));
    env = { SAFELIGHT_DATA: join(folder, 'data') };
    node = await Safelight.start({
      data: join(folder, 'data'),
      env: { SAFELIGHT_WORKERS: '1', SAFELIGHT_DELIVERY_CACHE_BYTES: '0' },
    });
    const photo = await smallPhoto();
    const images = [];
    for (let n = 0; n < 3; n += 1) images.push(await expectImage(await sendImage(node, unlike(photo), '?wait=20')));
    ids = images.map(({ id }) => id);
    bodies = await bodiesOf(ids);
    expect(await runCommand(['backup', join(folder, 'backup'), '--copy'], env)).toMatchObject({ code: 0 });
  }, 180_000);
  afterAll(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('finds a byte that flipped and a file that is gone, of originals and of renditions, and nothing else', async () => {
    expect(await runCommand(['scrub'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^12 objects, .*\nEvery object is whole\.\n$/),
    });
    const [first, second, third] = await Promise.all(ids.map(objectsOf));
    await flipByte(first?.original ?? '');
    await unlink(pathOf(second?.original ?? ''));
    await unlink(pathOf(first?.small ?? ''));
    await flipByte(third?.small ?? '');
    const { code, stdout } = await runCommand(['scrub', '--json'], env);
    expect(code).toBe(1);
    const { damaged, mended } = JSON.parse(stdout) as { damaged: { objectKey: string }[]; mended: unknown[] };
    expect(mended).toEqual([]);
    expect(damaged).toHaveLength(4);
    expect(damaged).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ objectKey: first?.original, kind: 'original', damage: 'damaged' }),
        expect.objectContaining({ objectKey: second?.original, kind: 'original', damage: 'missing' }),
        expect.objectContaining({ objectKey: first?.small, kind: 'rendition', damage: 'missing' }),
        expect.objectContaining({ objectKey: third?.small, kind: 'rendition', damage: 'damaged' }),
      ]),
    );
  });

  it('without a copy mends the rendition whose original is whole, and tells of what it cannot mend', async () => {
    const { code, stdout, stderr } = await runCommand(['scrub', '--repair'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/stays +damaged +original/);
    expect(stdout).toMatch(/will be made again +damaged +rendition/);
    expect(stderr).toContain('safelight: 3 objects are damaged or missing');
  });

  it('mends originals from a backup byte for byte, and has renditions made again', async () => {
    const { code, stdout } = await runCommand(['scrub', '--repair', join(folder, 'backup')], env);
    expect(stdout).toMatch(/repaired +missing +original/);
    expect(code).toBe(0);
    const made = async () => {
      const images = await Promise.all(ids.map(async (id) => expectImage(await node.fetch(`/v1/images/${id}`))));
      return images.every(({ state }) => state === 'ready');
    };
    await until('the renditions are made again', made, 60_000);
    const now = await bodiesOf(ids);
    const changed = [...bodies].filter(([name, body]) => !now.get(name)?.equals(body)).map(([name]) => name);
    // Made alone, of another scale of the original than with its siblings, a rendition has other bytes and the same picture.
    expect(changed.filter((name) => !/ small$/.test(name))).toEqual([]);
    expect(await runCommand(['scrub'], env)).toMatchObject({ code: 0 });
    // Neither damaged bytes nor rows without objects are left.
    await expectNothingLeft(node);
  });

  it('tells the log of what it mended', async () => {
    await until('the log tells of it', async () => {
      const events = await withNodeDatabase(node, (database) =>
        database.query<{ type: string }>(
          `SELECT type FROM events WHERE type IN ('original.repaired', 'rendition.lost') ORDER BY type`,
        ),
      );
      return (
        events.map(({ type }) => type).join() === 'original.repaired,original.repaired,rendition.lost,rendition.lost'
      );
    });
    expect(await runCommand(['audit', 'verify'], env)).toMatchObject({ code: 0 });
  });

  it('takes no folder without objects, and no rate of nothing', async () => {
    const wrong = await runCommand(['scrub', '--repair', tmpdir()], env);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('holds no objects') });
    expect(await runCommand(['scrub', '--rate', '0'], env)).toMatchObject({ code: 2 });
  });

  async function bodiesOf(imageIds: readonly string[]): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>();
    for (const id of imageIds) {
      const { urls } = await expectImage(await node.fetch(`/v1/images/${id}`));
      for (const [name, url] of Object.entries(urls)) {
        const response = await fetch(url);
        expect(response.status, `${name} of ${id}`).toBe(200);
        found.set(`${id} ${name}`, Buffer.from(await response.arrayBuffer()));
      }
    }
    return found;
  }

  async function objectsOf(imageId: string): Promise<Objects> {
    const [row] = await withNodeDatabase(node, (database) =>
      database.query<Objects>(
        `SELECT o.object_key AS original, r.object_key AS small
         FROM images i JOIN originals o USING (tenant_id, original_id) JOIN renditions r USING (tenant_id, original_id)
         WHERE i.image_id = $1 AND r.width = 100`,
        [imageId],
      ),
    );
    if (!row) throw new Error(`${imageId} has no small rendition`);
    return row;
  }

  function pathOf(key: string): string {
    return placeOf(join(folder, 'data', 'objects'), key).path;
  }

  async function flipByte(key: string): Promise<void> {
    // Objects are read-only.
    await chmod(pathOf(key), 0o600);
    const file = await open(pathOf(key), 'r+');
    try {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 200);
      await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, 200);
    } finally {
      await file.close();
    }
  }
});
