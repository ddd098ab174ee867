import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { photo } from '../../../../scripts/make-pictures.ts';
import { until } from '../../../../test/support/until.ts';
import { BOXES, GENEROUS, WorkerRig } from '../../../../test/support/worker-rig.ts';
import { InvariantError } from '../core/invariant.ts';
import { BOUNDS_DEFAULT } from './bounds.ts';
import { type RunLimits, WorkerDiedError } from './process.ts';

const here = (path: string): string => new URL(path, import.meta.url).href;
let large: Buffer;
let small: Buffer;
beforeAll(async () => {
  [large, small] = await Promise.all([photo(6000, 4000).jpeg().toBuffer(), photo(600, 400).jpeg().toBuffer()]);
});

/** A job that encodes AVIF for more than a second: nothing in its process can stop that. */
async function startLongJob(rig: WorkerRig, limits: Partial<RunLimits> = {}): Promise<unknown> {
  const source = await rig.facts(large);
  const folder = await rig.put(large);
  const job = { id: folder, folder, source, transformations: [{ fm: 'avif' } as const], bounds: BOUNDS_DEFAULT };
  return rig.worker.run(job, { ...GENEROUS, ...limits }).catch((error: unknown) => error);
}

function isRunning(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  // A zombie is dead; who reaps it is its new parent's affair.
  return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

describe('a worker process', () => {
  it('tells each output when it lies in its file, and then the sum', async () => {
    await using rig = await WorkerRig.start();
    const source = await rig.facts(small);
    const folder = await rig.put(small);
    const seen: number[] = [];
    const job = { id: folder, folder, source, transformations: BOXES, bounds: BOUNDS_DEFAULT };
    const result = await rig.worker.run(job, {
      ...GENEROUS,
      onOutput: ({ index, bytes }) => {
        seen.push(index);
        expect(statSync(join(rig.worker.scratch.directory, folder, `${index}`)).size).toBe(bytes);
      },
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(result.outputs.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(result.cpuMs).toBeGreaterThanOrEqual(result.outputs.reduce((sum, { cpuMs }) => sum + cpuMs, 0));
    expect(result.peakRssBytes).toBeGreaterThan(50_000_000);
    expect(rig.worker.jobsDone).toBe(2);
  });

  it('does one job at a time', async () => {
    await using rig = await WorkerRig.start();
    const running = rig.run(small, BOXES);
    const folder = await rig.put(small);
    const probes = [1, 2].map((id) => rig.worker.probe({ id: `${id}`, folder, bounds: BOUNDS_DEFAULT }, GENEROUS));
    const settled = await Promise.allSettled([running, ...probes]);
    const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused.length).toBeGreaterThan(0);
    for (const error of refused) expect(error).toBeInstanceOf(InvariantError);
  });

  it('is killed at its deadline, in the middle of an AVIF encode', async () => {
    await using rig = await WorkerRig.start();
    await rig.facts(small);
    const started = performance.now();
    const error = await startLongJob(rig, { deadlineMs: 400 });
    const took = performance.now() - started;
    expect(error).toMatchObject({ name: 'WorkerDiedError', reason: 'deadline', signal: 'SIGKILL' });
    expect(took).toBeGreaterThan(400);
    // The probe before the job is within this too.
    expect(took).toBeLessThan(1_000);
    expect(await rig.worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
    await expect(rig.worker.probe({ id: 'x', folder: 'x', bounds: BOUNDS_DEFAULT }, GENEROUS)).rejects.toThrow(
      WorkerDiedError,
    );
  });

  it.runIf(process.platform === 'linux')('is killed when it takes more memory than it may', async () => {
    await using rig = await WorkerRig.start();
    const rssBytesMax = (rig.worker.rssBytes() ?? 0) + 100_000_000;
    expect(await startLongJob(rig, { rssBytesMax })).toMatchObject({ reason: 'memory', signal: 'SIGKILL' });
  });

  it('rejects its job when it is killed, or crashes', async () => {
    for (const [kill, expected] of [
      [(rig: WorkerRig) => rig.worker.kill(), { reason: 'killed', signal: 'SIGKILL' }],
      [(rig: WorkerRig) => process.kill(rig.worker.pid ?? 0, 'SIGSEGV'), { reason: 'crashed', signal: 'SIGSEGV' }],
    ] as const) {
      await using rig = await WorkerRig.start();
      const job = startLongJob(rig);
      await until('the job is under way', () => (rig.worker.rssBytes() ?? 0) > 200_000_000);
      kill(rig);
      expect(await job).toMatchObject({ name: 'WorkerDiedError', ...expected });
    }
  });

  it('finishes its job when a terminal interrupts the whole group', async () => {
    await using rig = await WorkerRig.start();
    const job = rig.run(large, [{ fm: 'avif' }]);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(rig.worker.pid ?? 0, signal);
    expect((await job).result.outputs).toHaveLength(1);
  });

  it('asks to be replaced when it keeps more memory than it may idle with', async () => {
    await using rig = await WorkerRig.start({ rssBytesIdleMax: 1_000 });
    expect(rig.worker.recycleDue).toBe(false);
    await rig.run(small, BOXES);
    expect(rig.worker.recycleDue).toBe(true);
  });

  it.runIf(process.platform === 'linux')('is gone at once when its supervisor is killed mid-encode', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'safelight-orphan-'));
    await writeFile(join(directory, 'large'), large);
    const supervisor = spawn(process.execPath, ['--input-type=module', '-e', SUPERVISOR, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [line] = await once(createInterface(supervisor.stdout), 'line');
      const pid = Number(line);
      await until('the encode is under way', () => rssBytesOf(pid) > 200_000_000);
      supervisor.kill('SIGKILL');
      const killedAt = performance.now();
      await until('the worker is gone', () => !isRunning(pid), 5_000);
      expect(performance.now() - killedAt).toBeLessThan(1_000);
    } finally {
      supervisor.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    }
  });
});

function rssBytesOf(pid: number): number {
  return 1_024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
}

/** A supervisor of its own: starts a worker and a long job, says the worker's pid, and waits to be killed. */
const SUPERVISOR = `
import { copyFile } from 'node:fs/promises';
import { startWorkerProcess } from '${here('./process.ts')}';
import { CRASH_ISOLATION } from '${here('./isolation.ts')}';
import { BOUNDS_DEFAULT as bounds } from '${here('./bounds.ts')}';
const directory = process.argv[1];
const log = { warn: (fields, message) => console.error(message, fields) };
const worker = startWorkerProcess({ slot: 0, scratchDirectory: directory + '/scratch', isolation: CRASH_ISOLATION, log });
await worker.ready;
const { name: folder, path } = worker.scratch.takeFolder('job');
await copyFile(directory + '/large', path + '/original');
const limits = { deadlineMs: 60_000, rssBytesMax: 4e9 };
const { facts: source } = await worker.probe({ id: 'p', folder, bounds }, limits);
console.log(worker.pid);
await worker.run({ id: 'r', folder, source, bounds, transformations: [{ fm: 'avif' }, { fm: 'avif', q: 90 }, { fm: 'avif', q: 95 }] }, limits);
`;

describe('a worker program that', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safelight-program-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const program = async (name: string, text: string): Promise<string> => {
    const path = join(directory, `${name}.mjs`);
    await writeFile(path, text);
    return path;
  };

  it('does not come up is reported, with what it wrote', async () => {
    const entry = await program('broken', `throw new Error('no decoder here');`);
    await using rig = await WorkerRig.start({ entry });
    await expect(rig.worker.ready).rejects.toMatchObject({ reason: 'crashed' });
    await until('its words are logged', () => JSON.stringify(rig.said).includes('no decoder here'));
    expect(await rig.worker.exited).toEqual({ code: 1, signal: null });
  });

  it.each([
    ['another job', `{ kind: 'done', id: 'other', cpuMs: 1, peakRssBytes: 1 }`],
    ['an output that nobody asked for', `{ kind: 'output', id, output: { ...output, index: 7 } }`],
    ['a file that is not one', `{ kind: 'output', id, output: { ...output, bytes: -1 } }`],
    ['an end before all outputs', `{ kind: 'done', id, cpuMs: 1, peakRssBytes: 1 }`],
    ['looks that nobody asked for', `{ kind: 'looks', id, looks }`],
    ['a colour that is none', `{ kind: 'looks', id, looks: { ...looks, palette: ['red;}'] } }`],
    ['a pyramid that nobody asked for', `{ kind: 'pyramid', id, bytes: 9, cpuMs: 1 }`],
    ['something else', `{ kind: 'facts' }`],
  ])('reports %s is not believed, and killed', async (what, report) => {
    const output = `{ index: 0, format: 'jpeg', width: 1, height: 1, frames: 1, bytes: 9, cpuMs: 1 }`;
    const looks = `{ palette: [], thumbhash: 'AQIDBAU=', blurhash: 'L00000', perceptualHash: '0123456789abcdef', opaque: true }`;
    const entry = await program(
      'liar',
      `const output = ${output};
       const looks = ${looks};
       process.on('message', ({ id }) => process.send(${report}));
       process.send({ kind: 'ready' });`,
    );
    await using rig = await WorkerRig.start({ entry });
    const source = { ...FACTS };
    const asked = { transformations: [{ w: 1 }], looks: what !== 'looks that nobody asked for' };
    const job = { id: 'job', folder: 'job', source, bounds: BOUNDS_DEFAULT, ...asked };
    await expect(rig.worker.run(job, GENEROUS)).rejects.toMatchObject({ reason: 'crashed', signal: 'SIGKILL' });
  });
});

const FACTS = {
  format: 'jpeg',
  bytes: 9,
  width: 1,
  height: 1,
  frames: 1,
  orientation: 1,
  hasAlpha: false,
  space: 'srgb',
  depth: 'uchar',
  hasProfile: false,
  progressive: false,
  palette: false,
} as const;
