import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Ceph's programs: installed, or lying unpacked in a folder of their own. */
export interface CephPlace {
  /** What they are called by. */
  readonly program: (name: string) => string;
  /** How they find their libraries. */
  readonly env: Readonly<Record<string, string>>;
  /** Where they find their plug-ins, as lines of ceph.conf. */
  readonly settings: readonly string[];
}

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'radosgw', 'radosgw-admin', 'ceph-authtool', 'monmaptool', 'osdmaptool'];
const PACKAGES = ['radosgw', 'ceph-mon', 'ceph-osd', 'ceph-base', 'ceph-common'];
/** What of the packages' own needs the programs load; the rest are services and tools of an operator. */
const LOADED = new RegExp(`^(?:lib.*|${PACKAGES.join('|')})$`);
const TRIPLETS: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/**
 * Unpacked here, not installed: the packages bring services that would go on running (Ceph's crash reporter, LVM's
 * monitor, a disk monitor), and nothing of them is needed but programs and libraries.
 */
const FOLDER = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'safelight', 'ceph');

/** Why the tests that need a real S3 server cannot run, when they cannot. */
export const CEPH_MISSING = 'Ceph is not there (node scripts/test-requirements.ts unpacks it on Debian)';

/** Where Ceph is, or undefined. */
export function findCeph(): CephPlace | undefined {
  const onPath = (process.env.PATH ?? '').split(delimiter);
  if (PROGRAMS.every((name) => onPath.some((folder) => existsSync(join(folder, name))))) {
    return { program: (name) => name, env: {}, settings: [] };
  }
  const libraries = join(FOLDER, 'usr', 'lib', TRIPLETS[process.arch] ?? 'none');
  if (!existsSync(libraries)) return undefined;
  const paths = [libraries, join(libraries, 'ceph'), join(FOLDER, 'lib', TRIPLETS[process.arch] ?? 'none')];
  return {
    program: (name) => join(FOLDER, 'usr', 'bin', name),
    env: { LD_LIBRARY_PATH: paths.join(delimiter) },
    settings: [
      `plugin dir = ${join(libraries, 'ceph')}`,
      `erasure code dir = ${join(libraries, 'ceph', 'erasure-code')}`,
      `osd class dir = ${join(libraries, 'rados-classes')}`,
    ],
  };
}

/** Downloads (60 MB) and unpacks what is missing, by Debian's own tools; no root needed. Says why when it fails. */
export function unpackCeph(): void {
  const unpacking = `${FOLDER}.${process.pid}`;
  const debs = join(unpacking, 'debs');
  const root = join(unpacking, 'root');
  try {
    mkdirSync(debs, { recursive: true });
    mkdirSync(root);
    const plan = run('apt-get', ['install', '--simulate', '--no-install-recommends', ...PACKAGES]);
    const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name).filter((name) => LOADED.test(name));
    run('apt-get', ['download', '-q', ...names], debs);
    for (const file of readdirSync(debs)) run('dpkg', ['-x', join(debs, file), root]);
    rmSync(FOLDER, { recursive: true, force: true });
    renameSync(root, FOLDER);
  } catch (error) {
    console.error(`Ceph cannot be unpacked: ${(error as Error).message}`);
  } finally {
    rmSync(unpacking, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
  return stdout;
}
