import { randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, readlink, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { invariant } from '../../core/invariant.ts';
import { pidExists, readProcess } from './processes.ts';

/*
 * An exclusive lock on a folder that dies with its process, whatever kills it.
 *
 * Every contender first creates a file whose NAME is its identity (boot, pid namespace, pid, start time), then lists
 * the folder: it holds the lock if it sees no other living contender. Of two, the one that created second must see the
 * first, so never both hold it; and since an identity never comes back to life, anybody may remove a dead one's file
 * at any time without a race, which a single lock file does not allow.
 *
 * Whether a process of another container or machine that shares the folder is alive cannot be asked of this kernel
 * view, so a holder beats: it writes one byte a second, and a foreign file that no longer changes is dead.
 */

const BEAT_MS = 1_000;
/** Three missed beats; a holder stopped for longer than this can lose its lock to another container, not to a neighbour. */
const FOREIGN_SILENCE_MS = 3_000;
/** A foreign file older than this is not watched at all, so that a start after a power cut does not wait. */
const FOREIGN_AGE_MS = 10_000;
/** How long a contender lets others that came at the same moment stand back, before it calls the folder busy. */
const STAND_BACK_MS = 300;
const STAND_BACK_POLL_MS = 20;

export interface FolderLock {
  /** Gives the folder free. Safe to call twice. */
  release(): Promise<void>;
}

/** A live process holds the lock. `pid` is as its own pid namespace numbers it. */
export class FolderBusyError extends Error {
  override readonly name = 'FolderBusyError';
  readonly pid: number;

  constructor(directory: string, pid: number) {
    super(`${directory} is in use by another process (pid ${pid})`);
    this.pid = pid;
  }
}

interface Claim {
  readonly file: string;
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  readonly started: string;
}

/**
 * Takes the lock `name` (letters, digits and dashes) on an existing folder, at once or never: {@link FolderBusyError}
 * within 0.3 s when a live process has it (3 s when that process is in another container or on another machine).
 */
export async function acquireFolderLock(directory: string, name: string): Promise<FolderLock> {
  invariant(/^[A-Za-z0-9-]+$/.test(name), `not a lock's name: ${name}`);
  const { file, boot, namespace } = await ownClaim(name);
  const path = join(directory, file);
  const handle = await open(path, 'wx', 0o600);
  const beat = setInterval(() => void handle.write('.', 0).catch(() => undefined), BEAT_MS);
  beat.unref();
  const release = once(() => letGo(handle, beat, path));
  try {
    const deadline = AbortSignal.timeout(STAND_BACK_MS);
    for (;;) {
      const rival = await liveRival(directory, { name, file, boot, namespace });
      if (rival === undefined) return { release };
      // Of contenders that came together, the first by name waits for the others to stand back.
      if (rival.file < file || deadline.aborted) throw new FolderBusyError(directory, rival.pid);
      await sleep(STAND_BACK_POLL_MS);
    }
  } catch (error) {
    await release();
    throw error;
  }
}

async function letGo(handle: FileHandle, beat: NodeJS.Timeout, path: string): Promise<void> {
  clearInterval(beat);
  await unlink(path).catch(() => undefined);
  await handle.close().catch(() => undefined);
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}

async function ownClaim(name: string): Promise<Claim> {
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '0');
  const pidNamespace = await readlink('/proc/self/ns/pid').catch(() => '0');
  const boot = bootId.replaceAll(/\W/g, '').slice(0, 12);
  const namespace = pidNamespace.replaceAll(/\D/g, '');
  const started = readProcess(process.pid)?.started ?? '0';
  const nonce = randomBytes(4).toString('hex');
  const file = `${name}.lock.${boot}.${namespace}.${process.pid}.${started}.${nonce}`;
  return { file, boot, namespace, pid: process.pid, started };
}

function parseClaim(name: string, file: string): Claim | undefined {
  const [, boot, namespace, pid, started] =
    new RegExp(`^${name}\\.lock\\.(\\w+)\\.(\\d+)\\.(\\d+)\\.(\\w+)\\.[0-9a-f]+$`).exec(file) ?? [];
  if (boot === undefined || namespace === undefined || pid === undefined || started === undefined) return undefined;
  return { file, boot, namespace, pid: Number(pid), started };
}

interface Own {
  readonly name: string;
  readonly file: string;
  readonly boot: string;
  readonly namespace: string;
}

/** The first living contender but ourselves; the files of dead ones are removed on the way. */
async function liveRival(directory: string, own: Own): Promise<Claim | undefined> {
  for (const file of (await readdir(directory)).sort()) {
    const claim = parseClaim(own.name, file);
    if (claim === undefined || file === own.file) continue;
    const foreign = claim.boot !== own.boot || claim.namespace !== own.namespace;
    const alive = foreign ? await beats(join(directory, file), join(directory, own.file)) : lives(claim);
    if (alive) return claim;
    await unlink(join(directory, file)).catch(() => undefined);
  }
  return undefined;
}

function lives(claim: Claim): boolean {
  if (!pidExists(claim.pid)) return false;
  const facts = readProcess(claim.pid);
  // Not visible but there (a /proc mounted with hidepid): the safe answer is that it lives.
  return facts === undefined ? pidExists(claim.pid) : !facts.zombie && facts.started === claim.started;
}

/** Both times are of the same file system's clock, ours being fresh: clocks of two machines are never compared. */
async function beats(path: string, ownPath: string): Promise<boolean> {
  const first = await writtenMs(path);
  const own = await writtenMs(ownPath);
  if (first === undefined || (own !== undefined && own - first > FOREIGN_AGE_MS)) return false;
  await sleep(FOREIGN_SILENCE_MS);
  const second = await writtenMs(path);
  return second !== undefined && second !== first;
}

async function writtenMs(path: string): Promise<number | undefined> {
  return stat(path).then(
    (facts) => facts.mtimeMs,
    () => undefined,
  );
}
