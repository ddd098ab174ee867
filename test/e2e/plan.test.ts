import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlanModel, PlanReport, ScalingPoint } from '../../packages/service/src/fleet/index.ts';
import { photo } from '../../scripts/make-pictures.ts';
import { withNodeDatabase } from '../support/node-database.ts';
import { Safelight } from '../support/safelight.ts';
import { signedUrl } from '../support/url-keys.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));

/** Runs `safelight plan` as a person would. */
function plan(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { promise, resolve } = Promise.withResolvers<{ code: number; stdout: string; stderr: string }>();
  execFile(
    process.execPath,
    [BIN, 'plan', ...args],
    { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env }, maxBuffer: 2 ** 26 },
    (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
  );
  return promise;
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safelight-plan-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('safelight plan', () => {
  it('tells a newcomer what it does, with examples that work', async () => {
    const { code, stdout } = await plan(['--help']);
    expect(code).toBe(0);
    // Lines are as wide as the terminal.
    const text = stdout.replaceAll(/\s+/g, ' ');
    expect(text).toContain('how long jobs would wait, what it would cost, and what would break first');
    for (const word of ['diurnal', 'flash-crowd', 'bulk-import', 'half-lost', 'own', 'at,work_seconds,tenant,lane'])
      expect(text).toContain(word);
  });

  it('compares policies in a table, a picture and JSON', async () => {
    const svg = join(folder, 'plan.svg');
    const small = ['--compare', '--rate', '4', '--minutes', '20', '--svg', svg];
    const { code, stdout } = await plan(small);
    expect(code).toBe(0);
    expect(stdout).toMatch(/flash-crowd: \d+ jobs in/);
    expect(stdout).toMatch(/drain-time +cpu +fixed/);
    for (const row of ['wait in live: p50', 'over-provisioned', 'cost', 'first bottleneck'])
      expect(stdout).toContain(row);
    const picture = await readFile(svg, 'utf8');
    expect(picture).toMatch(/^<svg [^>]+>\n[\s\S]+<\/svg>\n$/);
    expect(picture).not.toContain('NaN');
    const told = JSON.parse((await plan([...small, '--json'])).stdout) as { model: PlanModel; reports: PlanReport[] };
    expect(told.reports.map(({ policy }) => policy)).toEqual(['drain-time', 'cpu', 'fixed']);
    expect(told.model.claimsPerSecond).toBe(760);
    expect(told.reports[0]?.waits.normal?.jobs).toBeGreaterThan(1_000);
  });

  it('draws the line of growing fleets up to 5,000 machines, and says what holds them back', async () => {
    const { stdout } = await plan(['--scaling', '--json', '--claims', '2000']);
    const { points } = JSON.parse(stdout) as { points: ScalingPoint[] };
    expect(points.map(({ machines }) => machines)).toEqual([10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000]);
    expect(points[0]).toMatchObject({ limitedBy: null });
    expect(points.at(-1)?.limitedBy).not.toBeNull();
  });

  it('simulates the jobs of a file', async () => {
    const file = join(folder, 'jobs.csv');
    await writeFile(file, 'at,work_seconds,tenant,lane\n0,4,a,live\n0,4,b,batch\n0,4,a,live\n');
    const args = ['--trace', file, '--policy', 'fixed', '--fixed', '1', '--workers-per-machine', '1', '--json'];
    const { reports } = JSON.parse((await plan(args)).stdout) as { reports: PlanReport[] };
    expect(reports[0]).toMatchObject({ jobs: 3, waits: { live: { jobs: 2 }, batch: { jobs: 1 } } });
    expect(reports[0]?.waits.live?.maxSeconds).toBeCloseTo(4, 1);
    expect(reports[0]?.waits.batch?.maxSeconds).toBeCloseTo(8, 1);
  });

  it.each([
    [['--trace', 'monday'], /^safelight: --trace is one of diurnal, .+ or a file that ends in \.csv, not monday$/],
    [['--min', '9', '--max', 'three'], /^safelight: three is no number from 1 to 5000$/],
  ])('ends with 2 and one clear line on %j', async (args, line) => {
    const { code, stdout, stderr } = await plan(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.split('\n')[0]).toMatch(line);
  });

  it('names the line of a file that it cannot read', async () => {
    const file = join(folder, 'bad.csv');
    await writeFile(file, 'at,work_seconds,tenant,lane\n0,1,a,live\n1,-3,a,live\n');
    const { code, stderr } = await plan(['--trace', file]);
    expect(code).toBe(2);
    expect(stderr).toBe(`safelight: ${file}, line 3: work_seconds must be more than 0 and at most 86400, not \`-3\`\n`);
  });
});

describe('the trace of an installation', () => {
  let node: Safelight;
  beforeAll(async () => {
    node = await Safelight.start();
  });
  afterAll(() => node.close());

  it('is made of its sealed events: uploads as they came, other renditions when they were asked for', async () => {
    const env = { SAFELIGHT_DATA: node.data };
    expect(await plan(['--trace', 'own'], env)).toMatchObject({
      code: 1,
      stderr: 'safelight: nothing was rendered within 24 hours\n',
    });
    const picture = await photo(640, 480).jpeg().toBuffer();
    const bodies = [picture, Buffer.concat([picture, Buffer.from('another')]), picture];
    let image = '';
    for (const body of bodies) {
      const response = await node.fetch('/v1/images?wait=20', { method: 'POST', body: Uint8Array.from(body) });
      expect(response.ok).toBe(true);
      image = ((await response.json()) as { id: string }).id;
    }
    expect((await fetch(await signedUrl(node, image, { w: 77, fm: 'webp' }))).status).toBe(200);
    await withNodeDatabase(node, (database) =>
      expect
        .poll(() => database.query(`SELECT FROM events WHERE data->>'transformation' LIKE '%w=77%'`))
        .not.toHaveLength(0),
    );
    const { stdout } = await plan(['--trace', 'own', '--json', '--days', '0.5'], env);
    const { reports } = JSON.parse(stdout) as { reports: PlanReport[] };
    // The third has the bytes of the first, so nothing was made for it.
    expect(reports[0]).toMatchObject({ trace: 'own', jobs: 3, jobsLeft: 0 });
    expect(reports[0]?.waits).toMatchObject({ normal: { jobs: 2 }, live: { jobs: 1 } });
  });
});
