import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, expectProblem, expectUrls, sendImage } from '../support/answers.ts';
import { auditObjects, expectNothingLeft, openJobs } from '../support/leftovers.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, filesBelow } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { isMountAllowed, mount, unmount } from '../support/small-disk.ts';
import { until } from '../support/until.ts';

const mayMount = await isMountAllowed();

describe.skipIf(!mayMount)('a disk of its own for the objects (needs the right to mount)', () => {
  let folder: string;
  let filler: string;
  let node: Safelight;
  let photo: Buffer;

  beforeAll(async () => {
    photo = await smallPhoto();
    folder = await mkdtemp(join(tmpdir(), 'safelight-disk-'));
    mount(folder, '4m');
    filler = join(folder, 'filler');
    node = await Safelight.start({ env: { SAFELIGHT_OBJECTS: `file:${folder}`, SAFELIGHT_WORKERS: '1' } });
  });
  afterAll(async () => {
    await node.close();
    unmount(folder);
    await rm(folder, { recursive: true, force: true });
  });

  /** Takes every byte that is left. */
  const fill = () => writeFile(filler, Buffer.alloc(8 * 1024 * 1024)).catch(() => undefined);
  const free = () => rm(filler);
  const staged = () => filesBelow(join(folder, 'staging'));

  it('that is full refuses uploads with 507 and Retry-After, goes on delivering, and works again when it is freed', async () => {
    const urls = await expectUrls(await node.upload(unlike(photo)));
    expect((await fetch(urls.large)).status).toBe(200);
    await expectNothingLeft(node, folder);
    await fill();
    const refused = await node.upload(unlike(photo));
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    await expectProblem(refused, 'storage_full');
    await expectProblem(await sendImage(node, unlike(photo)), 'storage_full');
    expect(staged()).toEqual([]);
    for (const url of Object.values(urls)) expect((await fetch(url)).status).toBe(200);
    await until('the node to be unready', async () => (await fetch(`${node.url}/readyz`)).status === 503);
    await free();
    expect((await fetch((await expectUrls(await node.upload(unlike(photo)))).small)).status).toBe(200);
    await until('the node to be ready', async () => (await fetch(`${node.url}/readyz`)).ok);
    await expectNothingLeft(node, folder);
  });

  it('that fills up during an upload leaves nothing of it', async () => {
    const tooMuch = Buffer.concat([photo, Buffer.alloc(6 * 1024 * 1024)]);
    await expectProblem(await node.upload(tooMuch), 'storage_full');
    await expectProblem(await sendImage(node, tooMuch), 'storage_full');
    await expectNothingLeft(node, folder);
  });

  it('that fills up before a render delays it, however long, and the rendition is made when it is freed', async () => {
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const { id, urls } = await expectImage(await sendImage(node, unlike(photo)));
    await fill();
    process.kill(worker, 'SIGCONT');
    const givenBack = () => node.output.match(/a job was given back/g)?.length ?? 0;
    // More often than a job may fail by itself.
    await until('the render was tried again and again', () => givenBack() > 5, 40_000);
    expect(await openJobs(node)).toHaveLength(1);
    expect((await expectImage(await node.fetch(`/v1/images/${id}`))).state).toBe('pending');
    await free();
    const look = async () => (await expectImage(await node.fetch(`/v1/images/${id}`))).state === 'ready';
    await until('it is ready', look, 30_000);
    expect((await fetch(urls.large ?? '')).status).toBe(200);
    await expectNothingLeft(node, folder);
  });

  it('that goes away is no fault of the database, and what comes back is served as before', async () => {
    const { large, medium } = await expectUrls(await node.upload(unlike(photo)));
    expect((await fetch(large)).status).toBe(200);
    await expectNothingLeft(node, folder);
    // An empty folder over the store, as after a failed mount.
    mount(folder, '1m');
    await expectProblem(await node.upload(unlike(photo)), 'storage_unavailable');
    // What is asked for often is in memory, and is served all the same.
    expect((await fetch(large)).status).toBe(200);
    const away = await fetch(medium);
    expect(away.headers.get('etag')).toBeNull();
    await expectProblem(away, 'storage_unavailable');
    expect((await fetch(`${node.url}/readyz`)).status).toBe(503);
    unmount(folder);
    expect((await fetch(medium)).status).toBe(200);
    expect((await fetch((await expectUrls(await node.upload(unlike(photo)))).small)).status).toBe(200);
    await expectNothingLeft(node, folder);
  });
});

describe.skipIf(!mayMount)('one disk for everything, the database too (needs the right to mount)', () => {
  it('that is full stops nothing for good: when it is freed, all that was acknowledged is there', async () => {
    const photo = await smallPhoto();
    const folder = await mkdtemp(join(tmpdir(), 'safelight-disk-'));
    mount(folder, '256m');
    const data = join(folder, 'data');
    await mkdir(data);
    const node = await Safelight.start({ data });
    try {
      const before = await expectUrls(await node.upload(unlike(photo)));
      const filler = join(folder, 'filler');
      await writeFile(filler, Buffer.alloc(300 * 1024 * 1024)).catch(() => undefined);
      const acknowledged = [before];
      for (let sent = 0; sent < 20; sent += 1) {
        const response = await node.upload(unlike(photo));
        if (response.status === 202) acknowledged.push(await expectUrls(response));
        else expect([503, 507], await response.text()).toContain(response.status);
      }
      await rm(filler);
      await until('uploads work again', async () => (await node.upload(photo)).status === 202, 30_000);
      for (const urls of acknowledged) {
        for (const url of Object.values(urls)) expect((await fetch(url)).status).toBe(200);
      }
      expect((await auditObjects(node)).missing).toEqual([]);
      expect(await node.stop()).toEqual({ code: 0, signal: null });
    } finally {
      await node.stop();
      unmount(folder);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
