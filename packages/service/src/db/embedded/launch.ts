import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresBinaries } from './binaries.ts';
import { EmbeddedUnavailableError, USE_DATABASE_URL } from './errors.ts';

/** As whom the server runs: PostgreSQL refuses root. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** A way to start a program of PostgreSQL that was tried and works on this machine. */
export interface Launch {
  /** Absent: without setpriv, so a server outlives a killed parent until the next start ends it. */
  readonly setpriv?: { readonly file: string; readonly options: readonly string[] };
  /** Absent: as ourselves. */
  readonly user?: ServerUser;
}

const SETPRIV_FILES = ['/usr/bin/setpriv', '/bin/setpriv', '/usr/sbin/setpriv'];
const PROBE_MS_MAX = 10_000;

/**
 * Nothing of our own environment: neither secrets nor PG* variables reach the server. Messages in English, because
 * the launcher reads some of them.
 */
const SERVER_ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };

/**
 * Chooses, by trying, how the server can be started so that it reaches its binaries and all `folders`.
 *
 * Under root it becomes `user`. Where an ancestor of the folders is closed to that user (a clone under /root, a 0700
 * data folder), it is given the capability to traverse and read, which access(2) heeds only with the secure bit
 * `no_setuid_fixup`; containers commonly lack that capability but have the wider `dac_override`.
 */
export function chooseLaunch(binaries: PostgresBinaries, folders: string[], user: ServerUser | undefined): Launch {
  let complaint = '';
  for (const launch of launches(user)) {
    complaint = complaintOf(launch, binaries, folders);
    if (complaint === '') return launch;
  }
  const who = user ? ` as user ${user.uid}` : '';
  throw new EmbeddedUnavailableError(
    `the embedded PostgreSQL in ${binaries.directory} cannot run here${who}: ${complaint}; ${USE_DATABASE_URL}`,
  );
}

/** Starts `program` of the binaries. `deathSignal` is what it gets when this thread of ours dies (Linux, setpriv). */
export function spawnServer(
  launch: Launch,
  deathSignal: 'INT' | 'KILL',
  program: readonly [file: string, ...options: string[]],
  options: Pick<SpawnOptions, 'stdio' | 'cwd'>,
): ChildProcess {
  const [file, ...rest] = commandLine(launch, deathSignal, program);
  // A session of its own: Ctrl-C in a terminal must reach us, who still need the database to drain, and not it.
  return spawn(file, rest, { ...spawnOptions(launch), ...options, detached: true });
}

function launches(user: ServerUser | undefined): Launch[] {
  const file = SETPRIV_FILES.find((path) => existsSync(path));
  if (user === undefined) return file ? [{ setpriv: { file, options: [] } }, {}] : [{}];
  if (file === undefined) return [{ user }];
  const become = ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'];
  const may = (name: string) => {
    const capability = [`--inh-caps=+${name}`, `--ambient-caps=+${name}`, '--securebits=+no_setuid_fixup'];
    return { setpriv: { file, options: [...become, ...capability] } };
  };
  return [{ setpriv: { file, options: become } }, may('dac_read_search'), may('dac_override'), { user }];
}

function commandLine(
  launch: Launch,
  deathSignal: string,
  program: readonly [string, ...string[]],
): [string, ...string[]] {
  if (launch.setpriv === undefined) return [...program];
  return [launch.setpriv.file, ...launch.setpriv.options, '--pdeathsig', deathSignal, '--', ...program];
}

function spawnOptions(launch: Launch): Pick<SpawnOptions, 'env' | 'uid' | 'gid'> {
  return { env: SERVER_ENVIRONMENT, ...launch.user };
}

/** Empty when the launch works. `cd` and access(2) are checked apart: capabilities open the one before the other. */
function complaintOf(launch: Launch, binaries: PostgresBinaries, folders: string[]): string {
  const script = 'for folder in "$@"; do cd "$folder" || exit; done; exec "$0" --version';
  const postgres = join(binaries.directory, 'bin', 'postgres');
  const [file, ...rest] = commandLine(launch, 'KILL', ['/bin/sh', '-c', script, postgres, ...folders]);
  const answer = spawnSync(file, rest, {
    ...spawnOptions(launch),
    cwd: '/',
    encoding: 'utf8',
    timeout: PROBE_MS_MAX,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (answer.error) return answer.error.message;
  const healthy = answer.status === 0 && answer.stdout.startsWith('postgres (PostgreSQL)') && answer.stderr === '';
  return healthy ? '' : answer.stderr.trim() || `it ended with ${answer.status ?? answer.signal}`;
}
