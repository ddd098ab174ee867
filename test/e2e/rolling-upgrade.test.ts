import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readVersion } from '../../packages/service/src/version.ts';
import { expectImage } from '../support/answers.ts';
import { makeNextBuild, type NextBuild } from '../support/next-build.ts';
import { createInstallation, type FleetNode, type Installation } from '../support/nodes.ts';
import { smallPhoto } from '../support/pictures.ts';
import { until } from '../support/until.ts';
import { UploadLoad } from '../support/upload-load.ts';

const EXPANDING = `-- compatible: a column with a default that nobody else names, and a table that nobody else reads.
ALTER TABLE images ADD mood text NOT NULL DEFAULT 'calm';
CREATE TABLE moods (tenant_id text COLLATE "C" PRIMARY KEY REFERENCES tenants);
CALL put_up_walls('moods');
`;
const CONTRACTING = `-- The name of a file is in the events.
ALTER TABLE images DROP COLUMN filename CASCADE;
`;

describe('an upgrade while nodes run', () => {
  let installation: Installation;
  let build: NextBuild;
  /** How many migrations this build knows, and the next one at first. */
  let ours: number;
  let theirs: number;
  let old: FleetNode;
  let load: UploadLoad;

  beforeAll(async () => {
    [installation, build] = await Promise.all([createInstallation(), makeNextBuild()]);
    theirs = await build.addMigration('moods', EXPANDING);
    ours = theirs - 1;
    load = new UploadLoad(installation, await smallPhoto());
    old = await installation.start({ roles: 'api,worker,janitor' });
    load.start(old);
    await load.acknowledges(2);
  });
  afterAll(async () => {
    await load.stop();
    await installation.close();
    await build.close();
  });

  /** Runs a build's command line against the database, as whoever may change its schema. */
  async function run(main: string, ...args: readonly string[]) {
    const { user, password, host, port, database } = installation.test.superuser;
    const url = `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host ?? '')}&port=${port}`;
    const env = {
      PATH: process.env.PATH,
      ...installation.env,
      SAFELIGHT_DATA: join(installation.folder, 'tool'),
      DATABASE_URL: url,
    };
    const { promise, resolve } = Promise.withResolvers<{ code: number; stdout: string; stderr: string }>();
    execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr: stderr.trim() }),
    );
    return promise;
  }

  it('a migration that expands is applied under a node that does not know it, and both builds serve side by side', async () => {
    expect(await run(build.main, 'migrate')).toMatchObject({ code: 0, stdout: 'Applied: moods.\n' });
    await load.acknowledges(3);
    const next = await installation.start({ roles: 'api,worker', main: build.main });
    load.start(next);
    await load.acknowledges(3, next);
    await load.acknowledges(3, old);
    expect(await installation.registry(next)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: old.id, version: readVersion(), schemaVersion: ours, state: 'up' }),
        expect.objectContaining({ id: next.id, version: build.version, schemaVersion: theirs, state: 'up' }),
      ]),
    );
    // What either build took, the other delivers.
    for (const { id } of load.acknowledged.slice(-6)) {
      for (const node of [old, next]) await until(`${id} is ready`, () => isReady(node, id));
    }
    expect(load.failedElsewhere).toEqual([]);
  });

  it('a node of the old build starts again beside it', async () => {
    const back = await installation.start({ roles: 'worker' });
    expect(await back.stop()).toBe(0);
  });

  it('a migration that takes something away waits for the end of the nodes that do not know it', async () => {
    const number = await build.addMigration('nameless', CONTRACTING);
    const refused = await run(build.main, 'migrate');
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toBe(
      `safelight: migration ${number} (nameless) would stop 2 running nodes of an older build: ` +
        'end them first (`safelight nodes` lists them), or repeat with --force',
    );
    await load.acknowledges(2);
    expect(load.failedElsewhere).toEqual([]);
  });

  it('after it no older node starts, and says so in one line', async () => {
    await load.stop();
    expect(await run(build.main, 'migrate', '--force')).toMatchObject({
      code: 0,
      stdout: 'Applied: nameless.\n',
    });
    await expect(installation.start({ roles: 'worker' })).rejects.toThrow(
      `safelight: the database has the migration ${theirs + 1} (nameless), with which no older build works, ` +
        `and this one knows ${ours}: run a newer build\n`,
    );
  });

  async function isReady(node: FleetNode, id: string): Promise<boolean> {
    const answer = await fetch(`${node.url}/v1/images/${id}`, { headers: installation.tenant });
    return (await expectImage(answer)).state === 'ready';
  }
});
