import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { restoreBackup, scrub, verifyLog } from '../../packages/service/src/compose.ts';
import { loadConfig } from '../../packages/service/src/config.ts';
import { expectImage, sendImage } from '../support/answers.ts';
import { runCommand, startCommand } from '../support/command.ts';
import { asSuperuser } from '../support/node-database.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

/** What a client has of an image: its id, and the digest of what each of its URLs gave. */
interface Seen {
  readonly id: string;
  readonly digests: Readonly<Record<string, string>>;
}

// Whole clusters are copied and recovered.
describe('a backup of a node that is at work', { timeout: 180_000 }, () => {
  let folder: string;
  let env: Record<string, string>;
  let node: Safelight;
  let photo: Buffer;
  let before: Seen[];
  let between: Seen;
  let late: string;
  let deletedBefore: string;
  let moment: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'safelight-backup-'));
    photo = await smallPhoto();
    const archive = join(folder, 'archive');
    env = { SAFELIGHT_DATA: join(folder, 'data'), SAFELIGHT_ARCHIVE: archive, SAFELIGHT_WORKERS: '1' };
    node = await Safelight.start({ data: join(folder, 'data'), env });
    before = [await sendAndSee(), await sendAndSee()];
    deletedBefore = (await sendAndSee()).id;
    await remove(deletedBefore);
  }, 180_000);
  afterAll(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('that is killed half-way is none, and clears away what it left when it is made again', async () => {
    const place = join(folder, 'backup');
    const child = startCommand(['backup', place, '--copy'], env);
    await until('the database is being copied', () => existsSync(`${place}.partial/data/postgres/data/global`), 90_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(place)).toBe(false);
    for (const half of [place, `${place}.partial`])
      await expect(restore(half, 'nowhere')).rejects.toThrow(/no backup, or one that was not finished/);
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  it('is made while uploads and deletions go on', async () => {
    const stopping = new AbortController();
    const clients = [uploadUntil(stopping.signal), uploadAndDeleteUntil(stopping.signal)];
    const made = await runCommand(['backup', join(folder, 'backup'), '--copy', '--json'], env);
    stopping.abort();
    const counts = await Promise.all(clients);
    expect(made, made.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(made.stdout)).toMatchObject({ database: { kind: 'embedded' }, damaged: [] });
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(await readdir(folder)).not.toContain('backup.partial');
  });

  it('restored gives every image that was acknowledged before, byte for byte, and a log that holds', async () => {
    await restore('backup', 'as-backed-up');
    await withRestored('as-backed-up', async (restored, data) => {
      for (const image of before) expect(await see(restored, image.id)).toEqual(image);
      expect((await restored.fetch(`/v1/images/${deletedBefore}`)).status).toBe(410);
      // Whatever came while it was made: a row of the copy has its object there.
      await expectWhole(data);
    });
  });

  it('and the archived log give the moment between two uploads and two deletions', async () => {
    between = await sendAndSee();
    moment = await databaseTime();
    late = (await sendAndSee()).id;
    await remove(before[0]?.id ?? '');
    await node.stop();
    const at = new Date(moment);
    const objects = [join(folder, 'data')];
    const restored = await restore('backup', 'at-the-moment', { at, objects });
    expect(restored).toMatchObject({ lacking: [], databaseAsOf: expect.stringMatching(/^20/) });
    expect(Date.parse(restored.databaseAsOf ?? '')).toBeLessThanOrEqual(at.getTime());
    await withRestored('at-the-moment', async (again, data) => {
      // The first image was deleted after that moment: only the backup has its bytes.
      for (const image of [...before, between]) expect(await see(again, image.id)).toEqual(image);
      expect((await again.fetch(`/v1/images/${late}`)).status).toBe(404);
      await expectWhole(data);
      expect((await sendImage(again, unlike(photo), '?wait=20')).status).toBe(201);
    });
  });

  it('is not restored over something, to a time that it does not know, or when it is not what was backed up', async () => {
    await expect(restore('backup', 'data')).rejects.toThrow(/is not empty/);
    const early = new Date(Date.parse(moment) - 86_400_000);
    await expect(restore('backup', 'early', { at: early })).rejects.toThrow(/take an earlier backup/);
    const future = new Date(Date.parse(moment) + 86_400_000);
    await expect(restore('backup', 'future', { at: future })).rejects.toThrow(/no change after .* --at latest/);
    const noTime = await runCommand(['restore', join(folder, 'backup'), '--to-data', 'x', '--at', 'noon'], env);
    expect(noTime).toMatchObject({ code: 2, stderr: expect.stringContaining('--at takes a time with its zone') });
    await flipByte(join(folder, 'backup', 'data', 'postgres', 'data', 'global', 'pg_control'));
    await expect(restore('backup', 'flipped')).rejects.toThrow(/pg_control is not what was backed up/);
    expect((await readdir(folder)).filter((name) => /early|future|flipped|partial/.test(name))).toEqual([]);
  });

  function restore(backup: string, to: string, given: { at?: Date; objects?: string[] } = {}) {
    return restoreBackup({
      ...{ backup: join(folder, backup.slice(backup.lastIndexOf('/') + 1)), to: join(folder, to) },
      ...{ at: given.at, archive: join(folder, 'archive'), objects: given.objects ?? [], progress: () => undefined },
    });
  }

  async function withRestored(name: string, work: (restored: Safelight, data: string) => Promise<void>): Promise<void> {
    const data = join(folder, name);
    const restored = await Safelight.start({ data, env: { SAFELIGHT_WORKERS: '1' } });
    try {
      await work(restored, data);
    } finally {
      await restored.stop();
    }
  }

  async function expectWhole(data: string): Promise<void> {
    const { config } = loadConfig({ SAFELIGHT_DATA: data }, {});
    expect(await verifyLog(config, undefined)).toMatchObject({ findings: [] });
    const nothing = () => undefined;
    const { signal } = new AbortController();
    const options = { repairFrom: undefined, bytesPerSecondMax: 1e9, restart: false, signal };
    expect(await scrub(config, { ...options, onDamage: nothing, onProgress: nothing })).toMatchObject({ damaged: [] });
  }

  async function sendAndSee(): Promise<Seen> {
    const sent = await sendImage(node, unlike(photo), '?wait=20');
    expect(sent.status).toBe(201);
    return see(node, ((await sent.json()) as Image).id);
  }

  async function remove(id: string): Promise<void> {
    expect((await node.fetch(`/v1/images/${id}`, { method: 'DELETE' })).status).toBe(200);
  }

  async function uploadUntil(signal: AbortSignal): Promise<number> {
    let count = 0;
    for (; !signal.aborted; count += 1) await expectImage(await sendImage(node, unlike(photo)));
    return count;
  }

  async function uploadAndDeleteUntil(signal: AbortSignal): Promise<number> {
    let count = 0;
    for (; !signal.aborted; count += 1) await remove((await expectImage(await sendImage(node, unlike(photo)))).id);
    return count;
  }

  /** Later than all that was committed, and earlier than what will be. */
  async function databaseTime(): Promise<string> {
    const [row] = await asSuperuser(node, `SELECT clock_timestamp() AS now, pg_sleep(0.005)`);
    if (!(row?.now instanceof Date)) throw new Error('the database told no time');
    return row.now.toISOString();
  }
});

async function see(node: Safelight, id: string): Promise<Seen> {
  const answer = await node.fetch(`/v1/images/${id}`);
  const { urls } = await expectImage(answer);
  const digests: Record<string, string> = {};
  for (const [name, url] of Object.entries(urls)) {
    const { pathname, search } = new URL(url);
    const response = await fetch(`${node.url}${pathname}${search}`);
    expect(response.status, `${name} of ${id}`).toBe(200);
    digests[name] = createHash('sha256')
      .update(Buffer.from(await response.arrayBuffer()))
      .digest('hex');
  }
  return { id, digests };
}

async function flipByte(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, 10);
    await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, 10);
  } finally {
    await file.close();
  }
}
