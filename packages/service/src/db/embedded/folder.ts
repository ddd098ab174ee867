import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { PostgresBinaries } from './binaries.ts';
import { fsyncPath, writeDurably } from './durable.ts';
import { ClusterStartError, EmbeddedUnavailableError } from './errors.ts';
import { type Launch, type ServerUser, spawnServer } from './launch.ts';
import { endProcessesIn } from './orphans.ts';
import { ServerLog } from './server-log.ts';

/*
 * The folder:
 *   superuser-password   0600, ours
 *   data/                the cluster, 0700, the server's; appears whole or not at all
 *   initdb-XXXXXX/       a cluster being made, or what a kill left of one
 *   socket/              0700, the server's; elsewhere when its path is too long (socket-directory.ts)
 *   cluster.lock.*       who uses it (lock.ts)
 */

/** Its name in the cluster. Roles with fewer rights are made by the migrations. */
export const SUPERUSER = 'postgres';

/** The uid of `nobody` on Linux: needs no useradd, and PostgreSQL only asks that it is not root. */
const NOBODY = 65_534;
/** Measured 0.6-4.3 s on two cores. */
const INITDB_MS_MAX = 120_000;
const DRAFT_PREFIX = 'initdb-';

/** Makes the folder and returns its real path, which stands in the server's command line. */
export function prepareFolder(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // The server, being somebody else under root, must pass through; what is private in here is closed by itself.
  if (isRoot()) chmodSync(directory, 0o711);
  return realpathSync(directory);
}

export const dataDirectory = (directory: string): string => join(directory, 'data');

/** As whom the server must run: undefined for ourselves; under root the owner of the data, or nobody. */
export function serverUser(directory: string): ServerUser | undefined {
  if (!isRoot()) return undefined;
  if (process.platform !== 'linux') {
    throw new EmbeddedUnavailableError('the embedded PostgreSQL does not run as root here: start as an ordinary user');
  }
  const data = dataDirectory(directory);
  const owner = existsSync(data) ? statSync(data) : undefined;
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const user = { uid: NOBODY, gid: NOBODY };
  if (owner) giveTree(data, user); // Put back from a copy made by root, for example.
  return user;
}

/** Hands a file or an empty folder to the server's user. */
export function give(path: string, user: ServerUser | undefined): void {
  if (user) chownSync(path, user.uid, user.gid);
}

/** The superuser's password: 256 random bits, made once. */
export function superuserPassword(directory: string): string {
  const path = join(directory, 'superuser-password');
  if (existsSync(path)) return readFileSync(path, 'utf8').trim();
  if (existsSync(dataDirectory(directory))) {
    throw new ClusterStartError(`${path} is missing, but the database beside it is not: put the file back`);
  }
  const password = randomBytes(32).toString('base64url');
  writeDurably(path, `${password}\n`);
  return password;
}

interface Making {
  readonly directory: string;
  readonly binaries: PostgresBinaries;
  readonly launch: Launch;
  readonly user: ServerUser | undefined;
  readonly password: string;
  readonly log: (line: string) => void;
}

/** Makes the cluster unless it stands. initdb works in a sibling folder, so that a kill leaves no half cluster. */
export async function ensureCluster(making: Making): Promise<void> {
  const { directory, binaries, user, log } = making;
  const data = dataDirectory(directory);
  await sweepDrafts(directory, log);
  if (existsSync(data)) {
    // PostgreSQL refuses the wider mode that a folder put back from a plain copy has.
    chmodSync(data, 0o700);
    checkMajor(data, binaries);
    return;
  }
  const draft = mkdtempSync(join(directory, DRAFT_PREFIX));
  try {
    give(draft, user);
    await runInitdb(making, draft);
    // initdb has synced the files and their folder; what is left is the rename itself.
    renameSync(join(draft, 'data'), data);
    fsyncPath(directory);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

async function runInitdb(making: Making, draft: string): Promise<void> {
  const { binaries, launch, user, password } = making;
  const passwordFile = join(draft, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  give(passwordFile, user);
  const options = [
    ...['-D', join(draft, 'data'), '--username', SUPERUSER, '--pwfile', passwordFile],
    ...['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--data-checksums', '--no-instructions'],
  ];
  making.log(`making a new PostgreSQL ${binaries.version} cluster in ${making.directory}`);
  const log = new ServerLog(() => undefined);
  const initdb = join(binaries.directory, 'bin', 'initdb');
  // KILL: its work is thrown away with it, and a server that it feeds by a pipe ends at the end of its input.
  const child = spawnServer(launch, 'KILL', [initdb, ...options], { cwd: draft, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.stdout) log.read(child.stdout);
  if (child.stderr) log.read(child.stderr);
  const overdue = setTimeout(() => child.kill('SIGKILL'), INITDB_MS_MAX);
  try {
    const [code, killer] = await once(child, 'close');
    if (code !== 0) throw new ClusterStartError(`initdb ended with ${code ?? killer}:\n${log.tail()}`);
  } finally {
    clearTimeout(overdue);
  }
}

/** What kills during initdb left. Its server may go on for a moment, and write what is being removed. */
async function sweepDrafts(directory: string, log: (line: string) => void): Promise<void> {
  for (const name of readdirSync(directory).filter((entry) => entry.startsWith(DRAFT_PREFIX))) {
    const draft = join(directory, name);
    await endProcessesIn(draft);
    try {
      rmSync(draft, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    } catch (error) {
      log(`${name}, left by a start that was killed, is not removed yet: ${String(error)}`);
    }
  }
}

function checkMajor(data: string, binaries: PostgresBinaries): void {
  const made = Number.parseInt(readFileSync(join(data, 'PG_VERSION'), 'utf8'), 10);
  if (made === binaries.major) return;
  throw new ClusterStartError(
    `${data} was made by PostgreSQL ${made} and the binaries are ${binaries.version}: ` +
      `use binaries of ${made}, or dump there and restore into a new folder`,
  );
}

function giveTree(path: string, user: ServerUser): void {
  lchownSync(path, user.uid, user.gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) giveTree(child, user);
    else lchownSync(child, user.uid, user.gid);
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
