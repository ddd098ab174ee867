import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { explanationSchema } from '@safelight/contract';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { PICTURES, writePicture } from '../../scripts/make-pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { signedUrl } from '../support/url-keys.ts';

const BIN = fileURLToPath(new URL('../../packages/service/bin/safelight.mjs', import.meta.url));

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the binary as a person would, with nothing in the environment but what is given. */
function safelight(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const { promise, resolve } = Promise.withResolvers<Ran>();
  execFile(
    process.execPath,
    [BIN, ...args],
    { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env } },
    (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
  );
  return promise;
}

describe('the command line', () => {
  it('tells its commands to a newcomer', async () => {
    const { code, stdout } = await safelight(['--help']);
    expect(code).toBe(0);
    for (const command of [
      'serve',
      'demo',
      'retry',
      'tenant',
      'url',
      'url-key',
      'explain',
      'audit',
      'migrate',
      'config',
    ])
      expect(stdout).toContain(`  ${command}`);
  });

  it('ends with 2 on a command or a setting that it does not know', async () => {
    expect(await safelight(['devleop'])).toMatchObject({ code: 2, stderr: expect.stringContaining('devleop') });
    const wrong = await safelight(['config'], { SAFELIGHT_PORT: '99999' });
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr.trim()).toBe('safelight: SAFELIGHT_PORT must be a whole number from 0 to 65535, not `99999`');
    const strict = await safelight(['serve', '--strict'], { SAFELIGHT_PROT: '1' });
    expect(strict).toMatchObject({ code: 2, stderr: expect.stringContaining('SAFELIGHT_PROT') });
  });

  it('shows the configuration without its secrets', async () => {
    const { stdout } = await safelight(['config', '--json'], {
      DATABASE_URL: 'postgres://me:hush@db/x',
      SAFELIGHT_PORT: '81',
    });
    const shown = JSON.parse(stdout) as Record<string, { value: string; from: string }>;
    expect(shown.SAFELIGHT_PORT).toMatchObject({ value: '81', from: 'environment' });
    expect(shown.SAFELIGHT_WAIT_SECONDS).toMatchObject({ value: '10', from: 'default' });
    expect(stdout).not.toContain('hush');
  });

  it('needs to be told which database to migrate', async () => {
    expect(await safelight(['migrate'])).toMatchObject({ code: 2, stderr: expect.stringContaining('DATABASE_URL') });
  });
});

describe('beside a running node', () => {
  let node: Safelight;
  let pictures: string;
  let env: Record<string, string>;
  beforeAll(async () => {
    node = await Safelight.start();
    pictures = await mkdtemp(join(tmpdir(), 'safelight-pictures-'));
    await writePicture('grey', pictures);
    await writePicture('alpha', pictures);
    env = { SAFELIGHT_DATA: node.data };
  });
  afterAll(async () => {
    await node.close();
    await rm(pictures, { recursive: true });
  });

  it('the demo sends a folder and shows what came out of it', async () => {
    const { code, stdout } = await safelight(['demo', pictures, '--url', node.url], env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/alpha\.png +500×500 .+ small +100×100/);
    expect(stdout).toMatch(/grey\.jpg +900×600 .+ small +100×67/);
    expect(stdout).toContain('2 of 2 pictures');
    for (const [url] of stdout.matchAll(/http:\S+/g)) expect((await fetch(url)).status).toBe(200);
  });

  it('a URL is signed, for an hour or for a tenant, and its key is changed', async () => {
    const list = (await (await node.fetch('/v1/images')).json()) as { images: { id: string }[] };
    const id = list.images[0]?.id ?? '';
    const { stdout } = await safelight(['url', id, 'w=33', 'fm=png', '--expires', '1h', '--url', node.url], env);
    expect(stdout).toMatch(/\?fit=max&fm=png&w=33&expires=\d+&s=[\w-]{43}\n$/);
    expect((await fetch(stdout.trim())).headers.get('content-type')).toBe('image/png');
    const left = await safelight(['url', id, 'w=34', 'auto=format', 'ch=dpr', '--url', node.url], env);
    expect((await fetch(left.stdout.trim())).headers.get('vary')).toBe('Accept, Sec-CH-DPR, DPR');
    expect(await safelight(['url', id, 'auto=size'], env)).toMatchObject({ code: 2 });
    expect(await safelight(['url', id, 'w=0'], env)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('w takes'),
    });
    expect(await safelight(['url', id, '--expires', 'soon'], env)).toMatchObject({ code: 2 });
    const rotated = await safelight(['url-key', 'rotate'], env);
    const listed = await safelight(['url-key', 'list', '--secrets'], env);
    const [key = '', secret = ''] = rotated.stdout.trim().split(' ');
    expect(listed.stdout).toMatch(new RegExp(`${key} +signs .*${secret}`));
    expect(listed.stdout).toMatch(/urk_\w+ +verifies /);
    expect(await safelight(['url-key', 'retire', key], env)).toMatchObject({ code: 0 });
    expect(await safelight(['url-key', 'retire', key], env)).toMatchObject({ code: 1 });
  });

  it('a rendition is explained, before it was asked for, when it was made, and when it cannot be', async () => {
    const list = (await (await node.fetch('/v1/images')).json()) as { images: { id: string }[] };
    const id = list.images[0]?.id ?? '';
    const explain = (...args: string[]) => safelight(['explain', ...args, '--url', node.url], env);
    const asked = await explain(id, 'w=35', 'fm=webp');
    expect(asked).toMatchObject({ code: 0, stderr: '' });
    const [first = '', , ...table] = asked.stdout.split('\n');
    expect(first).toMatch(/^fit=max&fm=webp&q=80&w=35, v=[0-9a-f]{12}$/);
    const steps = [
      /^step +what +predicted +real$/,
      /^─/,
      /^source +\w+ \d+×\d+, [\d.]+ kB$/,
      /^decode +to \d+×\d+ +[\d.]+ ms of CPU$/,
      /^output +webp 35×\d+, q=80 +[\d.]+ ms of CPU$/,
      /^together +killed after 10 s +[\d.]+ ms of CPU, [\d.]+ MB of memory +not asked for yet$/,
    ];
    for (const [at, step] of steps.entries()) expect(table[at]).toMatch(step);
    const bytes = (await (await fetch(await signedUrl(node, id, { w: 35, fm: 'webp' }))).arrayBuffer()).byteLength;
    const [made, told, outside, nobody] = await Promise.all([
      explain(id, 'w=35', 'fm=webp'),
      explain(id, 'w=35', 'fm=webp', '--json'),
      explain(id, 'rect=60000,60000,10,10'),
      explain('img_00000000000000000000000000'),
    ]);
    expect(made.stdout).toMatch(/memory +[\d.]+ ms of CPU, [\d.]+ \w+ of picture$/m);
    expect(explanationSchema.parse(JSON.parse(told.stdout)).real).toMatchObject({ state: 'ready', bytes });
    expect(outside).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^It cannot be made: .* \(rect_outside\)$/m),
    });
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining('image_not_found') });
  });

  it('a tenant’s unsigned URLs are opened and closed', async () => {
    expect(await safelight(['tenant', 'set', 'demo', '--unsigned', 'open'], env)).toMatchObject({ code: 0 });
    expect(await safelight(['tenant', 'set', 'demo', '--unsigned', 'presets'], env)).toMatchObject({ code: 0 });
    expect(await safelight(['tenant', 'set', 'demo', '--unsigned', 'some'], env)).toMatchObject({ code: 2 });
    expect(await safelight(['tenant', 'set', 'nobody', '--unsigned', 'open'], env)).toMatchObject({ code: 1 });
  });

  it('the log is verified, while the node runs, after a deletion, and when it has stopped', async () => {
    const list = (await (await node.fetch('/v1/images')).json()) as { images: { id: string }[] };
    const gone = list.images[0]?.id ?? '';
    expect((await node.fetch(`/v1/images/${gone}`, { method: 'DELETE' })).status).toBe(200);
    expect(await safelight(['audit', 'verify', '--tenant', 'demo'], env)).toMatchObject({ code: 0 });
    await node.stop();
    const { code, stdout } = await safelight(['audit', 'verify', '--json'], env);
    expect(code).toBe(0);
    // Name, digest and address of who sent the deleted picture are erased; the chain holds all the same.
    expect(JSON.parse(stdout)).toMatchObject({ findings: [], erased: 1, unsigned: 0 });
  });

  it('a job that is not dead cannot be retried', async () => {
    const { code, stderr } = await safelight(['retry', 'job_00000000000000000000000000'], env);
    expect(code).toBe(1);
    expect(stderr).toContain('the tenant demo has no dead job');
  });
});

describe('on a PostgreSQL of one’s own, of version 15', () => {
  const name = `own_${randomBytes(6).toString('hex')}`;
  const { superuser } = inject('cluster15');
  const url = `postgres://${superuser.user}:${superuser.password}@/${name}?host=${encodeURIComponent(superuser.host)}&port=${superuser.port}`;
  let data: string;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), 'safelight-own-'));
    await administer(`CREATE DATABASE ${name}`);
  });
  afterAll(async () => {
    await administer(`DROP DATABASE ${name} WITH (FORCE)`);
    await rm(data, { recursive: true });
  });

  it('a node refuses an empty one, and serves a migrated one, where nobody is public by itself', async () => {
    const env = { DATABASE_URL: url, SAFELIGHT_DATA: data, SAFELIGHT_PORT: '0' };
    expect(await safelight(['serve'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('safelight migrate'),
    });
    expect(await safelight(['migrate'], env)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Applied: tenants'),
    });
    expect(await safelight(['migrate'], env)).toMatchObject({ code: 0, stdout: 'The schema is up to date.\n' });
    const node = await Safelight.start({ data, env: { DATABASE_URL: url } });
    expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
    const upload = await node.upload(new Uint8Array([1, 2, 3]));
    expect(upload.status).toBe(401);
    const { stdout: key } = await safelight(['tenant', 'create', 'shop'], env);
    expect(await safelight(['tenant', 'create', 'shop'], env)).toMatchObject({ code: 1 });
    const headers = { authorization: `Bearer ${key.trim()}`, 'content-type': 'image/png' };
    const body = Uint8Array.from(await PICTURES.palette.make());
    const answer = await fetch(`${node.url}/v1/images?wait=20`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ state: 'ready' });
    expect(await node.stop()).toEqual({ code: 0, signal: null });
  });

  async function administer(sql: string): Promise<void> {
    const client = new pg.Client(superuser);
    await client.connect();
    await client.query(sql);
    await client.end();
  }
});
