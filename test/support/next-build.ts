import { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMigrations } from '../../packages/service/src/db/migrate.ts';

const WORKSPACE = fileURLToPath(new URL('../../', import.meta.url));

/** A build of a later day: this one's sources, a version of its own, and migrations that this one does not know. */
export interface NextBuild {
  readonly version: string;
  readonly main: string;
  /** Writes one more migration. @returns its number, which is how many the build then knows. */
  addMigration(name: string, sql: string): Promise<number>;
  close(): Promise<void>;
}

export async function makeNextBuild(): Promise<NextBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'safelight-next-'));
  const service = join(folder, 'packages', 'service');
  await mkdir(service, { recursive: true });
  // Worker processes are another user, who must come as far as their program.
  await chmod(folder, 0o755);
  await cp(join(WORKSPACE, 'packages', 'service', 'src'), join(service, 'src'), { recursive: true });
  await symlink(join(WORKSPACE, 'node_modules'), join(folder, 'node_modules'));
  const about = JSON.parse(await readFile(join(WORKSPACE, 'packages', 'service', 'package.json'), 'utf8')) as object;
  const version = '99.0.0';
  await writeFile(join(service, 'package.json'), JSON.stringify({ ...about, version }));
  let known = (await readMigrations()).length;
  return {
    version,
    main: join(service, 'src', 'main.ts'),
    addMigration: async (name, sql) => {
      known += 1;
      const file = `${String(known).padStart(4, '0')}-${name}.sql`;
      await writeFile(join(service, 'src', 'db', 'migrations', file), sql);
      return known;
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
