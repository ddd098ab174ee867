import { once } from 'node:events';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { findBinaries, runnableBinaries } from '../../packages/service/src/db/embedded/binaries.ts';
import {
  dataDirectory,
  ensureCluster,
  prepareFolder,
  SUPERUSER,
  serverUser,
  superuserPassword,
} from '../../packages/service/src/db/embedded/folder.ts';
import { chooseLaunch, type Launch } from '../../packages/service/src/db/embedded/launch.ts';
import { clusterName } from '../../packages/service/src/db/embedded/orphans.ts';
import { type Postmaster, startPostmaster } from '../../packages/service/src/db/embedded/postmaster.ts';
import { listProcesses } from '../../packages/service/src/db/embedded/processes.ts';
import { settingOptions } from '../../packages/service/src/db/embedded/settings.ts';
import { copyDataFolder, giveAll } from './copy-data-folder.ts';
import { until } from './until.ts';

const HOST = '127.0.0.1';

/** One PostgreSQL of a cluster: on a loopback port, with a folder of its own, killed and started at will. */
export class ClusterServer {
  readonly name: string;
  readonly port: number;
  readonly directory: string;
  readonly password: string;
  readonly #fsync: 'on' | 'off';
  #postmaster: Postmaster | undefined;
  readonly #launch: Launch;
  readonly #binaries = findBinaries();

  private constructor(parts: {
    name: string;
    fsync: 'on' | 'off';
    port: number;
    directory: string;
    password: string;
    launch: Launch;
  }) {
    this.name = parts.name;
    this.#fsync = parts.fsync;
    this.port = parts.port;
    this.directory = parts.directory;
    this.password = parts.password;
    this.#launch = parts.launch;
  }

  /** Makes the folder; the server neither has data yet nor runs. */
  static async prepare(
    name: string,
    folder: string,
    { fsync, password }: { readonly fsync: 'on' | 'off'; readonly password?: string },
  ): Promise<ClusterServer> {
    await mkdir(join(folder, name), { recursive: true });
    const directory = prepareFolder(join(folder, name));
    if (password !== undefined) await writeFile(join(directory, 'superuser-password'), password);
    const binaries = runnableBinaries(findBinaries(), directory);
    const launch = chooseLaunch(binaries, [directory], serverUser(directory));
    return new ClusterServer({
      name,
      fsync,
      port: await freePort(),
      directory,
      password: superuserPassword(directory),
      launch,
    });
  }

  get data(): string {
    return dataDirectory(this.directory);
  }

  get isRunning(): boolean {
    return this.#postmaster !== undefined;
  }

  /** As the superuser, past every wall. */
  get superuser() {
    return { host: HOST, port: this.port, user: SUPERUSER, password: this.password, database: 'postgres' };
  }

  /** A cluster of its own, to be the first primary. */
  async initialise(): Promise<void> {
    await ensureCluster({
      directory: this.directory,
      binaries: this.#binaries,
      launch: this.#launch,
      user: serverUser(this.directory),
      password: this.password,
      log: () => undefined,
    });
  }

  /** Makes this server a standby of `primary`: a copy of its files, taken while it works. */
  async seedFrom(primary: ClusterServer): Promise<void> {
    await rm(this.data, { recursive: true, force: true });
    const client = new pg.Client(primary.superuser);
    await client.connect();
    try {
      await client.query('SELECT pg_backup_start($1, fast => true)', [`seed of ${this.name}`]);
      await copyDataFolder(primary.data, this.data);
      const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
      await writeFile(join(this.data, 'backup_label'), rows[0]?.labelfile ?? '');
    } finally {
      await client.end();
    }
    await writeFile(join(this.data, 'standby.signal'), '');
    await appendFile(join(this.data, 'postgresql.auto.conf'), `primary_conninfo = '${this.#wayTo(primary)}'\n`);
    await giveAll(this.data, serverUser(primary.directory));
  }

  async start(): Promise<void> {
    const place = { socketDirectory: '', port: this.port, clusterName: clusterName(this.data) };
    const overrides = {
      wal_keep_size: '512MB',
      max_connections: '100',
      wal_receiver_timeout: '5s',
      wal_retrieve_retry_interval: '200ms',
      fsync: this.#fsync,
    };
    this.#postmaster = await startPostmaster(
      {
        binaries: this.#binaries,
        launch: this.#launch,
        data: this.data,
        options: [
          ...settingOptions(place, overrides),
          // The last of a name counts: these servers are reached by TCP alone.
          ...['-c', `listen_addresses=${HOST}`, '-c', 'unix_socket_directories='],
        ],
        clearSockets: () => undefined,
        log: () => undefined,
      },
      new AbortController().signal,
    );
  }

  /** Its machine loses power: every process of it gets SIGKILL at once. */
  async kill(): Promise<void> {
    const postmaster = this.#postmaster;
    if (!postmaster) return;
    this.#postmaster = undefined;
    for (const pid of [postmaster.pid, ...this.#backends()]) signalPid(pid, 'SIGKILL');
    await postmaster.ended;
    await until(`the processes of ${this.name} are gone`, () => this.#backends().length === 0);
  }

  /** Its machine neither answers nor refuses: every process stands still, or goes on. */
  pause(isPaused: boolean): void {
    const pids = [this.#postmaster?.pid ?? 0, ...this.#backends()].filter((pid) => pid > 0);
    for (const pid of pids) signalPid(pid, isPaused ? 'SIGSTOP' : 'SIGCONT');
  }

  async stop(): Promise<void> {
    const postmaster = this.#postmaster;
    this.#postmaster = undefined;
    await postmaster?.end();
  }

  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client(this.superuser);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /** Whom it follows as a standby, from now on. */
  async follow(primary: ClusterServer): Promise<void> {
    await this.#set('primary_conninfo', this.#wayTo(primary));
  }

  /** Whose acknowledgement each commit waits for, as a primary. */
  async waitFor(standbys: readonly string[]): Promise<void> {
    await this.#set('synchronous_standby_names', `ANY 1 (${standbys.join(', ')})`);
  }

  #wayTo({ superuser: { host, port, user, password } }: ClusterServer): string {
    return `host=${host} port=${port} user=${user} password=${password} application_name=${this.name}`;
  }

  async #set(name: string, value: string): Promise<void> {
    await this.query(`ALTER SYSTEM SET ${name} = ${pg.escapeLiteral(value)}`);
    await this.query('SELECT pg_reload_conf()');
  }

  #backends(): number[] {
    const title = `postgres: ${clusterName(this.data)}: `;
    return listProcesses()
      .filter(({ zombie, argv }) => !zombie && argv[0]?.startsWith(title))
      .map(({ pid }) => pid);
  }
}

function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A loopback port that nobody has now; it is taken a moment later. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
