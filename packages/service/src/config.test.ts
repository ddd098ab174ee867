import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig, SETTINGS } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'safelight-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const load = (env: Record<string, string>) => loadConfig({}, env);
const complaint = (env: Record<string, string>): string => {
  try {
    load(env);
    return 'none';
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
};

describe('the configuration', () => {
  it('is whole without a single setting', () => {
    const { config, unknown, given } = load({});
    expect(config).toMatchObject({
      SAFELIGHT_PORT: 8080,
      SAFELIGHT_HOST: '127.0.0.1',
      SAFELIGHT_DATA: resolve('.safelight'),
      DATABASE_URL: undefined,
      SAFELIGHT_OBJECTS: 'file:objects',
      SAFELIGHT_WORKERS: availableParallelism(),
      SAFELIGHT_UPLOAD_BYTES_MAX: 64 * 1024 * 1024,
      SAFELIGHT_PIXELS_MAX: 100_000_000,
      SAFELIGHT_PUBLIC_TENANT: undefined,
      SAFELIGHT_PUBLIC_URL: undefined,
    });
    expect([...config.SAFELIGHT_ROLES].sort()).toEqual(['api', 'janitor', 'worker']);
    expect(unknown).toEqual([]);
    expect(given.size).toBe(0);
  });

  it('takes options of the command line before the environment', () => {
    const { config } = loadConfig({ SAFELIGHT_PORT: '1' }, { SAFELIGHT_PORT: '2', SAFELIGHT_HOST: 'localhost' });
    expect(config).toMatchObject({ SAFELIGHT_PORT: 1, SAFELIGHT_HOST: 'localhost' });
  });

  it('reads a setting from the file that NAME_FILE names', () => {
    const file = join(folder, 'url');
    writeFileSync(file, 'postgres://me:hunter2@db/safelight\n');
    expect(load({ DATABASE_URL_FILE: file }).config.DATABASE_URL).toBe('postgres://me:hunter2@db/safelight');
    expect(complaint({ DATABASE_URL_FILE: join(folder, 'nothing') })).toMatch(
      /^DATABASE_URL_FILE cannot be read: ENOENT/,
    );
  });

  it('passes over what Kubernetes sets for a Service of that name', () => {
    const { config, unknown } = load({
      SAFELIGHT_PORT: 'tcp://10.0.0.1:80',
      SAFELIGHT_PORT_80_TCP_ADDR: '10.0.0.1',
      SAFELIGHT_SERVICE_HOST: '10.0.0.1',
    });
    expect(config.SAFELIGHT_PORT).toBe(8080);
    expect(unknown).toEqual([]);
  });

  it('tells which names mean nothing, and which were given', () => {
    const { unknown, given } = load({ SAFELIGHT_WROKERS: '2', SAFELIGHT_WORKERS: '2', PATH: '/bin' });
    expect(unknown).toEqual(['SAFELIGHT_WROKERS']);
    expect([...given]).toEqual(['SAFELIGHT_WORKERS']);
  });

  it.each([
    ['SAFELIGHT_PORT', ['80a', '-1', '65536', '1.5', '', '0x10']],
    ['SAFELIGHT_WORKERS', ['0', '257', 'all']],
    ['SAFELIGHT_DRAIN_SECONDS', ['-1', '3601', 'soon']],
    ['SAFELIGHT_SEALING_KEYS_TRUSTED', ['seal_1', 'seal_0123456789abcdef,', 'all']],
    [
      'SAFELIGHT_OBJECTS',
      [
        'file:',
        '/folder',
        's3://bucket',
        's3://Bucket?region=eu-central-1',
        's3://bucket/prefix?region=eu-central-1',
        's3://bucket?region=eu-central-1&endpiont=https://s3.example',
        's3://bucket?endpoint=s3.example',
        's3://bucket?endpoint=https://s3.example&prefix=/a',
      ],
    ],
    ['SAFELIGHT_ROLES', ['cook', 'api,', 'api;worker']],
    ['SAFELIGHT_PUBLIC_URL', ['example', '/path']],
    ['SAFELIGHT_LOG_LEVEL', ['loud', 'WARN']],
    ['SAFELIGHT_UPLOAD_BYTES_MAX', ['64MiB', '0', '99999999999999999999']],
    ['SAFELIGHT_WAIT_SECONDS', ['61']],
    [
      'DATABASE_URL',
      ['mysql://me:hunter2@db', 'postgres://me:hunter2@one,,two/db', 'postgres://me:hunter2@one:x,two/db'],
    ],
    ['DATABASE_DIRECT_URL', ['one:5432']],
    ['SAFELIGHT_DATABASE_PROXY', ['session', 'pgbouncer']],
  ] as const)('stops at a bad %s with one line that names it', (name, values) => {
    for (const value of values) {
      const said = complaint({ [name]: value });
      expect(said).toMatch(new RegExp(`^${name} (must|knows no) `));
      expect(said).not.toContain('\n');
      expect(said).not.toContain('hunter2');
    }
  });

  it('takes a database of one host, of several, and one behind a socket', () => {
    for (const url of [
      'postgres://me:p%40ss@db/safelight',
      'postgresql://me@one:5432,two,[::1]:5433/safelight?sslmode=disable',
      'postgres://me:pass@/safelight?host=%2Frun%2Fpostgresql',
    ])
      expect(load({ DATABASE_URL: url }).config.DATABASE_URL).toBe(url);
  });

  it('takes the first and the last value that it says it takes', () => {
    for (const port of ['0', '65535']) expect(load({ SAFELIGHT_PORT: port }).config.SAFELIGHT_PORT).toBe(Number(port));
    expect(load({ SAFELIGHT_PUBLIC_URL: 'https://pictures.example/' }).config.SAFELIGHT_PUBLIC_URL).toBe(
      'https://pictures.example',
    );
    expect([...load({ SAFELIGHT_ROLES: 'api, worker' }).config.SAFELIGHT_ROLES]).toEqual(['api', 'worker']);
  });

  it('has a sentence about each setting, and a fallback that it takes itself', () => {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      expect(setting.about, name).toMatch(/^\w.*\.$/);
      expect(() => setting.parse(setting.fallback), name).not.toThrow();
    }
  });
});
