import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresBinaries } from './binaries.ts';
import { ClusterStartError } from './errors.ts';
import { type Launch, spawnServer } from './launch.ts';
import { endOrphans, SHUTDOWN_LADDER } from './orphans.ts';
import { ServerLog } from './server-log.ts';
import { pause, until } from './wait.ts';

/** Crash recovery replays up to max_wal_size (1 GB), which may take minutes on a slow disk. */
const READY_MS_MAX = 180_000;
/** A dying server lets go of the pid file and of shared memory within this time, or never. */
const BLOCKED_ATTEMPTS_MAX = 50;
const BLOCKED_PAUSE_MS = 200;
const BLOCKED = /lock file ".*" already exists|pre-existing shared memory block|still in use/;
/** The line of postmaster.pid that tells the server's state (LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscadmin.h). */
const STATE_LINE = 8;

export interface PostmasterPlan {
  readonly binaries: PostgresBinaries;
  readonly launch: Launch;
  readonly data: string;
  /** `-c name=value` pairs. */
  readonly options: readonly string[];
  /** Called before each start, when nothing of the cluster runs. */
  readonly clearSockets: () => void;
  readonly log: (line: string) => void;
  /** In place of three minutes. */
  readonly readyMsMax?: number;
}

/** A server that accepts connections, until `ended`. */
export interface Postmaster {
  readonly pid: number;
  /** Resolves, never rejects, with what ended it, such as `SIGKILL` or `exit code 1`. */
  readonly ended: Promise<string>;
  /** Fast shutdown, then harder ones; within 7 s. */
  end(): Promise<void>;
}

/**
 * Ends what earlier starts left, starts a postmaster and waits until it is ready. {@link ClusterStartError} with the
 * server's last lines when it gives up or `signal` is aborted; then nothing runs.
 */
export async function startPostmaster(plan: PostmasterPlan, signal: AbortSignal): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    await endOrphans(plan.data, plan.log);
    if (signal.aborted) throw new ClusterStartError('the start was cancelled');
    plan.clearSockets();
    const log = new ServerLog(plan.log);
    const postmaster = await spawnPostmaster(plan, log);
    if ((await becomesReady(plan, postmaster, signal)) && !signal.aborted) return postmaster;
    await postmaster.end();
    const ended = await postmaster.ended;
    if (!BLOCKED.test(log.tail()) || attempt === BLOCKED_ATTEMPTS_MAX || signal.aborted) {
      throw new ClusterStartError(`PostgreSQL did not start (${ended}):\n${log.tail()}`);
    }
    await pause(BLOCKED_PAUSE_MS, signal);
  }
}

async function spawnPostmaster(plan: PostmasterPlan, log: ServerLog): Promise<Postmaster> {
  const program = join(plan.binaries.directory, 'bin', 'postgres');
  const child = spawnServer(plan.launch, 'INT', [program, '-D', plan.data, ...plan.options], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, killer) => resolve(killer ?? `exit code ${code}`));
  });
  await once(child, 'spawn');
  if (child.stderr) log.read(child.stderr);
  return { pid: child.pid ?? 0, ended, end: () => endChild(child) };
}

async function becomesReady(plan: PostmasterPlan, postmaster: Postmaster, signal: AbortSignal): Promise<boolean> {
  const over = new AbortController();
  void postmaster.ended.then(() => over.abort());
  return until(
    () => isReady(plan.data, postmaster.pid),
    plan.readyMsMax ?? READY_MS_MAX,
    AbortSignal.any([over.signal, signal]),
  );
}

function isReady(data: string, pid: number): boolean {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
    return Number(lines[0]) === pid && lines[STATE_LINE - 1]?.trim() === 'ready';
  } catch {
    return false;
  }
}

async function endChild(child: ChildProcess): Promise<void> {
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  for (const [signal, msMax] of SHUTDOWN_LADDER) {
    if (gone()) return;
    child.kill(signal);
    await until(gone, msMax);
  }
}
