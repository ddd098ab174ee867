import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogin, SERVICE_LOGIN } from '../../packages/service/src/db/login.ts';
import { migrate } from '../../packages/service/src/db/migrate.ts';
import { ClusterServer } from './cluster-server.ts';
import { until } from './until.ts';

const NAMES = ['a', 'b', 'c'] as const;
export const CLUSTER_DATABASE = 'safelight';

/**
 * One primary and two standbys of PostgreSQL on loopback, migrated, streaming; each commit is acknowledged by one of
 * the standbys before it is by the primary. Nothing fails over by itself: this is also whoever would see to that.
 */
export class DatabaseCluster {
  readonly servers: readonly ClusterServer[];
  primary: ClusterServer;
  readonly #folder: string;
  readonly #password: string;

  private constructor(folder: string, servers: readonly ClusterServer[], primary: ClusterServer, password: string) {
    this.#folder = folder;
    this.servers = servers;
    this.primary = primary;
    this.#password = password;
  }

  /** @param fsync whether a power cut, too, would lose nothing: a kill does not either way. */
  static async start(fsync: 'on' | 'off' = 'off'): Promise<DatabaseCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'safelight-cluster-'));
    const primary = await ClusterServer.prepare('a', folder, { fsync });
    await primary.initialise();
    await primary.start();
    const servers = [primary];
    for (const name of NAMES.slice(1))
      servers.push(await ClusterServer.prepare(name, folder, { fsync, password: primary.password }));
    const password = 'a-password-for-tests';
    const cluster = new DatabaseCluster(folder, servers, primary, password);
    try {
      await createLogin(primary.superuser, CLUSTER_DATABASE, password);
      await migrate({ ...primary.superuser, database: CLUSTER_DATABASE });
      await Promise.all(servers.slice(1).map((standby) => cluster.#attach(standby)));
      await primary.waitFor(NAMES.filter((name) => name !== primary.name));
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** As DATABASE_URL names them: all hosts, in no order that would help. */
  get url(): string {
    return this.urlThrough(this.servers.map(({ port }) => port).reverse());
  }

  /** The same by other ports of loopback, behind which the servers are. */
  urlThrough(ports: readonly number[]): string {
    const hosts = ports.map((port) => `127.0.0.1:${port}`);
    return `postgres://${SERVICE_LOGIN}:${this.#password}@${hosts.join(',')}/${CLUSTER_DATABASE}`;
  }

  get standbys(): readonly ClusterServer[] {
    return this.servers.filter((server) => server !== this.primary && server.isRunning);
  }

  /**
   * The standby that has received most becomes the primary, and the others follow it. With an acknowledgement of any one
   * of them behind each commit, the one that is ahead of all has them all.
   */
  async promote(): Promise<ClusterServer> {
    const { standbys } = this;
    const positions = await Promise.all(
      standbys.map(async (server) => ({ server, position: await receivedPosition(server) })),
    );
    const [best] = positions.sort((one, other) => Number(other.position - one.position));
    if (!best) throw new Error('no standby is left');
    const { server } = best;
    await server.waitFor(NAMES.filter((name) => name !== server.name));
    await server.query('SELECT pg_promote()');
    this.primary = server;
    for (const standby of standbys) if (standby !== server) await standby.follow(server);
    return server;
  }

  /** A server that is down comes back as a standby of the primary, with none of what it held itself. */
  async rejoin(server: ClusterServer): Promise<void> {
    await server.stop();
    await this.#attach(server);
  }

  async close(): Promise<void> {
    for (const server of this.servers) {
      server.pause(false);
      await server.kill();
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #attach(standby: ClusterServer): Promise<void> {
    const { primary } = this;
    await standby.seedFrom(primary);
    await standby.start();
    await until(`${standby.name} streams from ${primary.name}`, async () => {
      const text = `SELECT 1 FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'`;
      return (await primary.query(text, [standby.name])).length === 1;
    });
  }
}

/** How far a standby's WAL goes, replayed or not. */
async function receivedPosition(server: ClusterServer): Promise<bigint> {
  const [row] = await server.query<{ position: string }>(
    `SELECT (GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn)::text AS position`,
  );
  return BigInt(row?.position ?? '0');
}
