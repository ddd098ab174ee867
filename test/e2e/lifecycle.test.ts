import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { uploadUrlsSchema } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, expectUrls, sendImage } from '../support/answers.ts';
import { smallPhoto, unlike } from '../support/pictures.ts';
import { awaitWorkers, postmasterOf, processesOn, unfinishedFiles, workersOf } from '../support/processes.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

let folder: string;
let photo: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safelight-e2e-'));
  photo = await smallPhoto();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Acknowledged {
  readonly sha256: string;
  readonly urls: Readonly<Record<string, string>>;
}

/** Uploads until the node goes away; answers what it acknowledged. */
async function uploadUntilGone(node: Safelight, acknowledged: Acknowledged[]): Promise<void> {
  for (;;) {
    const bytes = unlike(photo);
    try {
      const response = await node.upload(bytes);
      // Whatever is not 202 was not acknowledged.
      if (response.status !== 202) continue;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      acknowledged.push({ sha256, urls: uploadUrlsSchema.parse(await response.json()) });
    } catch {
      return;
    }
  }
}

/** Every acknowledged original is there byte for byte, and every rendition becomes ready. */
async function expectKept(node: Safelight, acknowledged: readonly Acknowledged[]): Promise<void> {
  expect(acknowledged.length).toBeGreaterThan(0);
  for (const { sha256, urls } of acknowledged) {
    for (const [preset, url] of Object.entries(urls)) {
      const { pathname, search } = new URL(url);
      const response = await fetch(`${node.url}${pathname}${search}`);
      expect(response.status, `${preset} of an acknowledged upload`).toBe(200);
      const bytes = Buffer.from(await response.arrayBuffer());
      if (preset === 'original') expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    }
  }
}

/** Starts one that must not start, and answers what it said. */
async function failedStart(data: string, env: Record<string, string>): Promise<string> {
  const started = Safelight.start({ data, env }).then(
    async (node) => {
      await node.stop();
      return 'it started';
    },
    (error: Error) => error.message,
  );
  return started;
}

describe('a node in its life', () => {
  it('starts on an empty folder, with keys that nobody else may read and a line that works as pasted', async () => {
    const data = join(folder, 'first');
    const node = await Safelight.start({ data, env: { SAFELIGHT_COLOUR: 'red' } });
    expect(node.output).toContain('safelight: warning: SAFELIGHT_COLOUR is no setting of Safelight');
    for (const file of ['demo-key', 'operator-key', 'database-url', 'sealing-key.pem']) {
      expect({ file, mode: (await stat(join(data, file))).mode & 0o777 }).toEqual({ file, mode: 0o600 });
    }
    expect(node.output).toContain(await node.demoKey());
    const line = /^ *(curl .*)$/m.exec(node.output)?.[1] ?? '';
    const pictures = await mkdtemp(join(folder, 'pictures-'));
    await writeFile(join(pictures, 'photo.jpg'), photo);
    const { stdout } = await promisify(execFile)('sh', ['-c', line], { cwd: pictures });
    for (const url of Object.values(uploadUrlsSchema.parse(JSON.parse(stdout)))) {
      expect((await fetch(url)).status).toBe(200);
    }
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  it('ends within 10 s at SIGTERM, with uploads and renders under way, and loses nothing of them', async () => {
    const data = join(folder, 'drained');
    const node = await Safelight.start({ data });
    const acknowledged: Acknowledged[] = [];
    const clients = Array.from({ length: 6 }, () => uploadUntilGone(node, acknowledged));
    await until('uploads run', () => acknowledged.length >= 10);
    const startedAt = performance.now();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await Promise.all(clients);
    expect(processesOn(data)).toEqual([]);
    expect(unfinishedFiles({ data })).toEqual([]);
    const again = await Safelight.start({ data });
    await expectKept(again, acknowledged);
    expect(await again.stop()).toEqual({ code: 0, signal: null });
  });

  it('ends within 10 s at SIGTERM when a worker hangs and clients wait, and the next start finishes the work', async () => {
    const data = join(folder, 'hanging');
    const node = await Safelight.start({ data, env: { SAFELIGHT_WORKERS: '1' } });
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const bytes = unlike(photo);
    const urls = await expectUrls(await node.upload(bytes));
    const waiting = fetch(urls.small);
    const follower = await node.fetch(`/v1/images/${new URL(urls.small).pathname.split('/')[3]}/events`);
    const startedAt = performance.now();
    expect(await node.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect((await waiting).status).toBe(503);
    // The stream of events ended in good order too: this throws when it was cut.
    expect(await follower.text()).toContain(': open');
    expect(processesOn(data)).toEqual([]);
    const again = await Safelight.start({ data });
    await expectKept(again, [{ sha256: createHash('sha256').update(bytes).digest('hex'), urls }]);
    await again.stop();
  });

  it('starts again without a hand after the whole group was killed, and makes what was pending', async () => {
    const data = join(folder, 'killed');
    const node = await Safelight.start({ data, env: { SAFELIGHT_WORKERS: '1' } });
    const [worker = 0] = await awaitWorkers(node, 1);
    process.kill(worker, 'SIGSTOP');
    const acknowledged: Acknowledged[] = [];
    const clients = Array.from({ length: 4 }, () => uploadUntilGone(node, acknowledged));
    await until('uploads run', () => acknowledged.length >= 8);
    for (const pid of [postmasterOf(node), ...workersOf(node), ...workersOf(node, 'probe')]) {
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    }
    await node.kill();
    await Promise.all(clients);
    const startedAt = performance.now();
    const again = await Safelight.start({ data });
    expect(performance.now() - startedAt).toBeLessThan(30_000);
    await expectKept(again, acknowledged);
    expect(await again.stop()).toEqual({ code: 0, signal: null });
    expect(processesOn(data)).toEqual([]);
  });

  it('leaves no process behind when its own process alone is killed', async () => {
    const data = join(folder, 'alone');
    const node = await Safelight.start({ data });
    await expectImage(await sendImage(node, photo));
    await node.kill();
    await until('all are gone', () => processesOn(data).length === 0, 10_000);
    const again = await Safelight.start({ data });
    expect((await again.fetch('/v1/images')).status).toBe(200);
    await again.stop();
  });
});

describe('a start that cannot be', () => {
  it('ends with 3 and says who has the folder, and does not disturb who has it', async () => {
    const node = await Safelight.start({ data: join(folder, 'taken') });
    const said = await failedStart(node.data, {});
    expect(said).toContain('exit 3');
    expect(said).toMatch(/^safelight: another Safelight runs on .*taken: .*set SAFELIGHT_DATA\.$/m);
    expect((await node.fetch('/v1/images')).status).toBe(200);
    await node.stop();
  });

  it('ends with 1 and names the port when that is taken, and leaves nothing running', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await until('the port is taken', () => server.listening);
    const port = String((server.address() as { port: number }).port);
    const data = join(folder, 'no-port');
    const said = await failedStart(data, { SAFELIGHT_PORT: port });
    server.close();
    expect(said).toContain('exit 1');
    expect(said).toContain(`safelight: port ${port} is taken`);
    expect(processesOn(data)).toEqual([]);
  });

  it('ends with 2 and one line that names the setting that is wrong', async () => {
    const said = await failedStart(join(folder, 'never'), { SAFELIGHT_PORT: '80a' });
    expect(said).toContain('exit 2');
    expect(said.split('\n').filter((line) => line.startsWith('safelight: '))).toEqual([
      'safelight: SAFELIGHT_PORT must be a whole number from 0 to 65535, not `80a`',
    ]);
  });
});
