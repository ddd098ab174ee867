import { type Clock, systemClock } from '../../core/clock.ts';
import { archiveSettings, prepareArchive } from './archive.ts';
import { findBinaries, type PostgresBinaries, runnableBinaries } from './binaries.ts';
import { ClusterBusyError } from './errors.ts';
import { dataDirectory, ensureCluster, prepareFolder, SUPERUSER, serverUser, superuserPassword } from './folder.ts';
import { chooseLaunch } from './launch.ts';
import { acquireFolderLock, FolderBusyError, type FolderLock } from './lock.ts';
import { clusterName, endOrphans } from './orphans.ts';
import { type Postmaster, type PostmasterPlan, startPostmaster } from './postmaster.ts';
import { settingOptions } from './settings.ts';
import { SOCKET_PORT, SocketDirectory } from './socket-directory.ts';
import { pause } from './wait.ts';

export interface EmbeddedCluster {
  /** The superuser's connection, as `pg` takes it: `host` is the socket's folder. The same for the cluster's life. */
  readonly connection: { host: string; port: number; user: string; password: string; database: string };
  /** The current postmaster's; undefined while it is being restarted and after `stop`. */
  readonly pid: () => number | undefined;
  /** Ends the server and gives the folder free: fast, then immediate, then by SIGKILL. Bounded by 10 s, a fraction of one as a rule. */
  stop(): Promise<void>;
}

export interface EmbeddedClusterOptions {
  /** A folder of its own, made if absent, such as `$SAFELIGHT_DATA/postgres`. */
  readonly directory: string;
  /** Gets the server's and the launcher's lines, without passwords. */
  readonly log: (line: string) => void;
  readonly binaries?: PostgresBinaries;
  /** Settings of postgresql.conf that win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A folder that gets every segment of the log (archive.ts). */
  readonly archive?: string | undefined;
  /** How long a start may take; one that recovers a backup replays days. */
  readonly readyMsMax?: number | undefined;
  /** Called at each unexpected end of the server, before it is started again. */
  readonly onCrash?: (reason: string) => void;
  readonly clock?: Clock;
}

/** Before the n-th restart in a row that did not last: at once first, then no busy loop on a full disk. */
const RESTART_PAUSES_MS = [0, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000];
/** A server that ran this long is healthy: the next restart is at once again. */
const HEALTHY_MS = 1_000;
/** A server that was ready, however short, is not made to wait longer than this row's pause. */
const READY_ROW_MAX = 4;

/**
 * Starts the PostgreSQL of `directory`, making it first if there is none, and keeps it running until `stop`.
 * Must be called from the main thread: the server is told to end when the thread that started it ends.
 * @throws ClusterBusyError, EmbeddedUnavailableError, ClusterStartError; then nothing runs and the folder is free.
 */
export async function startEmbeddedCluster(options: EmbeddedClusterOptions): Promise<EmbeddedCluster> {
  const binaries = options.binaries ?? findBinaries();
  const directory = prepareFolder(options.directory);
  const lock = await lockFolder(directory);
  let sockets: SocketDirectory | undefined;
  try {
    const user = serverUser(directory);
    sockets = new SocketDirectory(directory, user);
    const runnable = runnableBinaries(binaries, directory);
    const archive = options.archive === undefined ? undefined : prepareArchive(options.archive, user);
    const launch = chooseLaunch(runnable, [directory, sockets.path, ...(archive ? [archive] : [])], user);
    const password = superuserPassword(directory);
    await ensureCluster({ directory, binaries: runnable, launch, user, password, log: options.log });
    const data = dataDirectory(directory);
    const place = { socketDirectory: sockets.path, port: SOCKET_PORT, clusterName: clusterName(data) };
    const plan: PostmasterPlan = {
      ...{ binaries: runnable, launch, data, log: options.log },
      options: settingOptions(place, { ...(archive && archiveSettings(archive)), ...options.settings }),
      ...(options.readyMsMax !== undefined && { readyMsMax: options.readyMsMax }),
      clearSockets: sockets.clear.bind(sockets),
    };
    const cluster = new SupervisedCluster({ plan, options, lock, sockets, password });
    await cluster.start();
    return cluster;
  } catch (error) {
    sockets?.remove();
    await lock.release();
    throw error;
  }
}

async function lockFolder(directory: string): Promise<FolderLock> {
  try {
    return await acquireFolderLock(directory, 'cluster');
  } catch (error) {
    if (!(error instanceof FolderBusyError)) throw error;
    throw new ClusterBusyError(`the database in ${directory} is in use by another Safelight (pid ${error.pid})`);
  }
}

interface Parts {
  readonly plan: PostmasterPlan;
  readonly options: EmbeddedClusterOptions;
  readonly lock: FolderLock;
  readonly sockets: SocketDirectory;
  readonly password: string;
}

class SupervisedCluster implements EmbeddedCluster {
  readonly connection: EmbeddedCluster['connection'];
  readonly #parts: Parts;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #postmaster: Postmaster | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#clock = parts.options.clock ?? systemClock;
    const { path: host } = parts.sockets;
    this.connection = { host, port: SOCKET_PORT, user: SUPERUSER, password: parts.password, database: 'postgres' };
  }

  readonly pid = (): number | undefined => this.#postmaster?.pid;

  async start(): Promise<void> {
    this.#postmaster = await startPostmaster(this.#parts.plan, this.#stopping.signal);
    this.#supervision = this.#supervise(this.#postmaster);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping.abort();
    await this.#postmaster?.end();
    await this.#supervision;
    const { plan, sockets, lock } = this.#parts;
    try {
      // Normally nothing: after an escalation to SIGKILL, the backends.
      await endOrphans(plan.data, plan.log);
      sockets.remove();
    } finally {
      await lock.release();
    }
  }

  async #supervise(first: Postmaster): Promise<void> {
    let unhealthy = 0;
    for (let running: Postmaster | undefined = first; ; running = await this.#restart(unhealthy)) {
      const sinceMs = this.#clock.monotonic();
      if (running) {
        this.#postmaster = running;
        // `stop` ends the server that it sees; this one may have come a moment later.
        if (this.#stopping.signal.aborted) await running.end();
        this.#report(`PostgreSQL ended unexpectedly (${await running.ended})`);
        this.#postmaster = undefined;
      }
      if (this.#stopping.signal.aborted) return;
      const healthy = running !== undefined && this.#clock.monotonic() - sinceMs >= HEALTHY_MS;
      if (healthy) unhealthy = 0;
      else unhealthy = running ? Math.min(unhealthy + 1, READY_ROW_MAX) : unhealthy + 1;
    }
  }

  async #restart(unhealthy: number): Promise<Postmaster | undefined> {
    const { signal } = this.#stopping;
    const row = Math.min(Math.max(unhealthy - 1, 0), RESTART_PAUSES_MS.length - 1);
    await pause(RESTART_PAUSES_MS[row] ?? 0, signal);
    try {
      return await startPostmaster(this.#parts.plan, signal);
    } catch (error) {
      this.#report(String(error));
      return undefined;
    }
  }

  #report(reason: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#parts.options.log(reason);
    this.#parts.options.onCrash?.(reason);
  }
}
