import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { copyObjectTo } from './copy-object.ts';
import type { ObjectStore } from './object-store.ts';

const KEY = 'ten_a/original/1';

describe('a copy of an object whose store has no local files', () => {
  let folder: string;
  let store: ObjectStore;
  let opened: Readable[];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-copy-'));
    const files = await openFsObjectStore({ directory: join(folder, 'objects') });
    await files.put(KEY, Buffer.from('copied'));
    opened = [];
    const read: ObjectStore['read'] = async (...args) => {
      const body = await files.read(...args);
      opened.push(body.stream);
      return body;
    };
    store = Object.create(files, { link: { value: undefined }, read: { value: read } }) as ObjectStore;
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('can be read by other users, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      await copyObjectTo(store, KEY, join(folder, 'copy'));
    } finally {
      process.umask(umask);
    }
    expect(await readFile(join(folder, 'copy'), 'utf8')).toBe('copied');
    expect((await stat(join(folder, 'copy'))).mode & 0o777).toBe(0o444);
  });

  it('takes no place that is taken, and lets go of what it began to read', async () => {
    await writeFile(join(folder, 'taken'), 'mine');
    await expect(copyObjectTo(store, KEY, join(folder, 'taken'))).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await readFile(join(folder, 'taken'), 'utf8')).toBe('mine');
    expect(opened.map(({ destroyed }) => destroyed)).toEqual([true]);
  });
});
