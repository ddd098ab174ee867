import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClientConfig } from 'pg';
import { findBinaries } from '../../packages/service/src/db/embedded/binaries.ts';
import { give } from '../../packages/service/src/db/embedded/folder.ts';
import { chooseLaunch, spawnServer } from '../../packages/service/src/db/embedded/launch.ts';
import { freePort } from './cluster-server.ts';
import { until } from './until.ts';

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((path) => existsSync(path));
/** The uid of `nobody`, as which the test databases run under root. */
const NOBODY = 65_534;
/** Few enough that every client meets every session. */
const SESSIONS = 3;

export const PGBOUNCER_MISSING = PROGRAM === undefined && 'pgbouncer is not installed';

/** Debian's PgBouncer with `pool_mode = transaction` before one test database. */
export class PgBouncer {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #port: number;
  readonly #service: ClientConfig;

  private constructor(process: ChildProcess, folder: string, port: number, service: ClientConfig) {
    this.#process = process;
    this.#folder = folder;
    this.#port = port;
    this.#service = service;
  }

  static async start(service: ClientConfig): Promise<PgBouncer> {
    const folder = mkdtempSync(join(tmpdir(), 'safelight-pgbouncer-'));
    const port = await freePort();
    const users = join(folder, 'users');
    const settings = join(folder, 'pgbouncer.ini');
    writeFileSync(users, `"${service.user}" "${service.password}"\n`, { mode: 0o600 });
    writeFileSync(settings, settingsOf(service, port, users), { mode: 0o600 });
    // It refuses root as the database does, and must reach the socket of that: so it is started in the same way.
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
    for (const path of [folder, users, settings]) give(path, user);
    const launch = chooseLaunch(findBinaries(), [folder, service.host ?? ''], user);
    const child = spawnServer(launch, 'KILL', [PROGRAM ?? '', settings], { stdio: ['ignore', 'ignore', 'pipe'] });
    const output: string[] = [];
    child.stderr?.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const bouncer = new PgBouncer(child, folder, port, service);
    await until(`PgBouncer answers: ${output.join('')}`, () => answers(port)).catch(async (error: unknown) => {
      await bouncer.close();
      throw new Error(`PgBouncer does not start: ${output.join('')}`, { cause: error });
    });
    return bouncer;
  }

  get url(): string {
    const { user, password, database } = this.#service;
    return `postgres://${user}:${password}@127.0.0.1:${this.#port}/${database}`;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGKILL');
      await once(this.#process, 'exit');
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function settingsOf({ host, port, database }: ClientConfig, listenPort: number, users: string): string {
  return `[databases]
${database} = host=${host} port=${port} dbname=${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${SESSIONS}
max_client_conn = 200
`;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}
