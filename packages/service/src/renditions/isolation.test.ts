import { readFileSync, readlinkSync } from 'node:fs';
import { chmod, link, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../../../scripts/make-pictures.ts';
import { BOXES, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { CRASH_ISOLATION, detectIsolation, type Isolation } from './isolation.ts';
import { UntrustedOutputError } from './scratch.ts';

const isRootOnLinux = process.platform === 'linux' && process.getuid?.() === 0;
const isolation: Isolation = await detectIsolation();
const SLOT = 7;

const procFile = (pid: number | undefined, name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1');

describe('a worker process, whoever started it', () => {
  it.runIf(process.platform === 'linux')('has an environment of allocator settings alone', async () => {
    await using rig = await WorkerRig.start({ isolation });
    const names = procFile(rig.worker.pid, 'environ')
      .split('\0')
      .map((entry) => entry.split('=')[0])
      .filter((name) => name !== '');
    // The last two are Node.js's own, for the channel.
    expect(names.sort()).toEqual([
      'FONTCONFIG_PATH',
      'MALLOC_ARENA_MAX',
      'MALLOC_MMAP_THRESHOLD_',
      'MALLOC_TOP_PAD_',
      'MALLOC_TRIM_THRESHOLD_',
      'NODE_CHANNEL_FD',
      'NODE_CHANNEL_SERIALIZATION_MODE',
    ]);
  });

  it.runIf(process.platform === 'linux')('is the first to go when memory runs out', async () => {
    await using rig = await WorkerRig.start({ isolation });
    expect(procFile(rig.worker.pid, 'oom_score_adj').trim()).toBe('1000');
  });

  it('gives no output that is not a plain file', async () => {
    await using rig = await WorkerRig.start();
    const folder = await rig.put(Buffer.from('x'));
    const path = join(rig.worker.scratch.directory, folder);
    await symlink('/etc/hostname', join(path, '0'));
    await symlink('.', join(path, '1'));
    for (const index of [0, 1, 2]) {
      await expect(rig.worker.scratch.readOutput(folder, index, 1_000)).rejects.toThrow(UntrustedOutputError);
    }
  });

  it('works where only crash isolation is to be had', async () => {
    await using rig = await WorkerRig.start({ isolation: CRASH_ISOLATION });
    expect(await rig.render(await photo(300, 200).jpeg().toBuffer(), BOXES)).toHaveLength(BOXES.length);
  });
});

describe.runIf(isRootOnLinux && isolation.uidBase !== undefined)('a worker process that root started', () => {
  let directory: string;
  let rig: WorkerRig;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safelight-isolation-'));
    // Groups that a supervisor may have, such as those of a log folder, must not be inherited.
    const groups = process.getgroups?.() ?? [];
    process.setgroups?.([4, 24]);
    rig = await WorkerRig.start({ isolation, slot: SLOT });
    process.setgroups?.(groups);
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it('is a user and a group of its own, in no other group, with no capability', () => {
    const status = procFile(rig.worker.pid, 'status');
    const uid = (isolation.uidBase ?? 0) + SLOT;
    expect(status).toMatch(new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
    expect(status).toMatch(new RegExp(`^Gid:\\s+${uid}\\s+${uid}\\s+${uid}\\s+${uid}$`, 'm'));
    expect(status).toMatch(/^Groups:\s*$/m);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapPrm:\s+0+$/m);
  });

  it.runIf(isolation.unsharePath !== undefined)('has no network but its own, empty one', () => {
    expect(readlinkSync(`/proc/${rig.worker.pid}/ns/net`)).not.toBe(readlinkSync('/proc/self/ns/net'));
    const interfaces = procFile(rig.worker.pid, 'net/dev').match(/^\s*\w+:/gm) ?? [];
    expect(interfaces.map((name) => name.trim())).toEqual(['lo:']);
  });

  it('renders all the same', async () => {
    expect(await rig.render(await photo(900, 600).jpeg().toBuffer(), BOXES)).toHaveLength(BOXES.length);
    expect(rig.said).toEqual([]);
  });

  it('can read no file of root’s, reach no listener, and move no folder of its supervisor’s', async () => {
    await writeFile(join(directory, 'secret'), 'secret', { mode: 0o600 });
    await chmod(directory, 0o755);
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const entry = join(directory, 'curious.mjs');
    await writeFile(entry, curious(join(directory, 'secret'), port));
    await using turned = await WorkerRig.start({ isolation, slot: SLOT, entry });
    server.close();
    const words = turned.said.map(({ fields }) => ('said' in fields ? String(fields.said) : '')).join('');
    expect(JSON.parse(words)).toEqual({
      secret: 'EACCES',
      listener: isolation.unsharePath === undefined ? 'reached' : 'ENETUNREACH',
      move: 'EACCES',
      write: 'EACCES',
      root: 'EPERM',
    });
  });

  it('cannot pass off another’s file as its output by a second name', async () => {
    const folder = await rig.put(Buffer.from('x'));
    await writeFile(join(directory, 'other'), 'not yours');
    await link(join(directory, 'other'), join(rig.worker.scratch.directory, folder, '0'));
    await expect(rig.worker.scratch.readOutput(folder, 0, 1_000)).rejects.toThrow('a file of its own');
  });
});

/** A worker that was taken over: confined as the real one is, it tries what it must not and says what it got. */
function curious(secret: string, port: number): string {
  return `
import { readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { becomeUser } from '${new URL('./worker/confine.ts', import.meta.url).href}';
becomeUser(Number(process.argv[2]));
const attempt = (work) => work().then(() => 'reached', (error) => error.code);
const said = {
  secret: await attempt(() => readFile('${secret}')),
  listener: await attempt(() => new Promise((resolve, reject) => {
    connect(${port}, '127.0.0.1', resolve).on('error', reject);
  })),
  move: await attempt(() => rename('../scratch', '../moved')),
  write: await attempt(() => writeFile('mine', 'x')),
  root: await attempt(async () => process.setuid(0)),
};
process.stderr.write(JSON.stringify(said), () => process.send({ kind: 'ready' }));
`;
}
