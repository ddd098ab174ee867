import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Config, loadConfig } from '../../packages/service/src/config.ts';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { changeTenant, DEMO_TENANT, findTenant } from '../../packages/service/src/tenants/index.ts';
import { Ceph } from '../support/ceph.ts';
import { DatabaseCluster } from '../support/database-cluster.ts';
import { addTenant, withDatabase } from '../support/database-url.ts';
import { createTestClock, findFaketime, forgetClockOf, type TestClock } from '../support/faketime.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { isMountAllowed, mount, unmount } from '../support/small-disk.ts';
import type { Random } from './random.ts';
import { StruckNode } from './struck-node.ts';
import { EXCUSED_BY_KILLS, requestWith } from './subject.ts';
import type { Target } from './target.ts';

/** Two that could lead the scaler, three that could seal. */
const ROLES = ['api,worker,janitor,scaler', 'api,worker,janitor,scaler', 'api,worker,janitor'] as const;
const DISK_MIB = 96;
const FILLER = 'filler';
/** An answer may come so long after a disk was full, and tell of it. */
const ANSWER_MS_MAX = 20_000;
/** A node that finds no database or no bucket when it starts ends, and whoever watches over it starts it again. */
const START_MS_MAX = 600_000;
const START_AGAIN_MS = 500;
/** Users of worker processes: each node has its own. */
const WORKER_UID = 63_100;

const EXCUSED_BY_FULL_DISK: ReadonlySet<number> = new Set([...EXCUSED_BY_KILLS, 507]);

interface ClusterNodeParts {
  readonly data: string;
  readonly env: Readonly<Record<string, string>>;
  readonly clock: TestClock | undefined;
  /** Mounted for this node alone; undefined where nobody may mount. */
  readonly disk: string | undefined;
  readonly databaseLinks: readonly FaultProxy[];
  readonly storeLink: FaultProxy;
}

/** A node with ways of its own to each database server and to the object store, a clock and a small disk. */
export class ClusterNode extends StruckNode {
  readonly clock: TestClock | undefined;
  readonly disk: string | undefined;
  readonly databaseLinks: readonly FaultProxy[];
  readonly storeLink: FaultProxy;
  /** When its disk was full last, on the clock of `performance`. */
  fullAtMs = Number.NEGATIVE_INFINITY;

  constructor({ data, env, clock, disk, databaseLinks, storeLink }: ClusterNodeParts) {
    super(data, env);
    this.clock = clock;
    this.disk = disk;
    this.databaseLinks = databaseLinks;
    this.storeLink = storeLink;
  }

  override async restart(): Promise<void> {
    const deadline = performance.now() + START_MS_MAX;
    for (;;) {
      const former = this.pid;
      try {
        await super.restart();
        if (former !== undefined) await forgetClockOf(former);
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        this.output.push((error as Error).message);
        await sleep(START_AGAIN_MS);
      }
    }
  }

  /** Nothing is wrong with what it needs any more. */
  async heal(): Promise<void> {
    for (const link of [...this.databaseLinks, this.storeLink]) {
      await link.set(undefined);
      link.resetStalled();
    }
    await this.clock?.set('+0');
    await this.emptyDisk();
  }

  /** Takes every byte that is left of its disk, where it has one of its own. */
  async fillDisk(): Promise<void> {
    if (this.disk === undefined) return;
    this.fullAtMs = Number.POSITIVE_INFINITY;
    await writeFile(join(this.disk, FILLER), Buffer.alloc(2 * DISK_MIB * 2 ** 20)).catch(() => undefined);
  }

  async emptyDisk(): Promise<void> {
    if (this.disk === undefined || this.fullAtMs !== Number.POSITIVE_INFINITY) return;
    await rm(join(this.disk, FILLER), { force: true });
    this.fullAtMs = performance.now();
  }
}

/** Three nodes, three PostgreSQL of which one may write, an S3 server: one service. */
export class ClusterSubject implements Target {
  readonly nodes: readonly ClusterNode[];
  readonly database: DatabaseCluster;
  /** What every command of this installation needs to know. */
  readonly env: Readonly<Record<string, string>>;
  /** Where nodes have their data; what was found wrong is kept here. */
  readonly folder: string;
  readonly store: Ceph;
  readonly #authorization: string;
  readonly #random: Random;

  private constructor(parts: {
    nodes: readonly ClusterNode[];
    database: DatabaseCluster;
    env: Readonly<Record<string, string>>;
    folder: string;
    ceph: Ceph;
    authorization: string;
    random: Random;
  }) {
    this.nodes = parts.nodes;
    this.database = parts.database;
    this.env = parts.env;
    this.folder = parts.folder;
    this.store = parts.ceph;
    this.#authorization = parts.authorization;
    this.#random = parts.random;
  }

  /** @throws when Ceph is not on this machine. */
  static async start(random: Random): Promise<ClusterSubject> {
    const folder = await mkdtemp(join(tmpdir(), 'safelight-cluster-chaos-'));
    const [ceph, database] = await Promise.all([Ceph.start(), DatabaseCluster.start()]);
    const authorization = await addTenant(database.url, DEMO_TENANT);
    await openUrls(database.url);
    const bucket = await ceph.createBucket();
    const env = {
      DATABASE_URL: database.url,
      SAFELIGHT_OBJECTS: `s3://${bucket}?endpoint=${ceph.endpoint}`,
      SAFELIGHT_DATA: join(folder, 'command'),
      AWS_ACCESS_KEY_ID: ceph.user.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ceph.user.secretAccessKey,
    };
    const mayMount = await isMountAllowed();
    const makeNode = (roles: string, index: number) =>
      prepareNode({ index, roles, folder, env, bucket, database, storePort: ceph.port, mayMount });
    const nodes = await Promise.all(ROLES.map(makeNode));
    const subject = new ClusterSubject({ nodes, database, env, folder, ceph, authorization, random });
    try {
      await Promise.all(nodes.map((node) => node.restart()));
      return subject;
    } catch (error) {
      await subject.close();
      throw error;
    }
  }

  get config(): Config {
    return loadConfig(this.env, {}).config;
  }

  get excused(): ReadonlySet<number> {
    const isFull = this.nodes.some(({ fullAtMs }) => performance.now() - fullAtMs < ANSWER_MS_MAX);
    return isFull ? EXCUSED_BY_FULL_DISK : EXCUSED_BY_KILLS;
  }

  /** As a balancer would: to any node, and on to another where nobody listens. */
  async request(path: string, init: RequestInit = {}): Promise<Response> {
    let refusal: unknown;
    for (const node of this.#random.shuffled(this.nodes)) {
      try {
        return await this.requestAt(node, path, init);
      } catch (error) {
        if (!isRefused(error)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  }

  requestAt(node: StruckNode, path: string, init: RequestInit = {}): Promise<Response> {
    return requestWith(node, this.#authorization, path, init);
  }

  withDatabase<T>(work: (database: Database) => Promise<T>): Promise<T> {
    return withDatabase(this.database.url, work);
  }

  /** SIGTERM to all. @returns the exit codes of those that did not end in good order. */
  async stop(): Promise<(number | null)[]> {
    const codes = await Promise.all(this.nodes.map((node) => node.stop()));
    return codes.filter((code) => code !== 0);
  }

  /** What one needs to find out what happened: what all nodes printed. */
  async keepOutput(): Promise<void> {
    for (const [index, node] of this.nodes.entries())
      await writeFile(join(this.folder, `node-${index}.log`), [...node.output, node.said].join('\n'));
  }

  async close(keep = false): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.heal()));
    await this.stop();
    if (keep) await this.keepOutput();
    await this.database.close();
    await this.store.stop();
    for (const { databaseLinks, storeLink, disk, pid } of this.nodes) {
      if (pid !== undefined) await forgetClockOf(pid);
      for (const link of [...databaseLinks, storeLink]) await link.stop();
      if (disk !== undefined) unmount(disk);
    }
    if (!keep) await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function openUrls(url: string): Promise<void> {
  await withDatabase(url, async (database) => {
    const tenant = await findTenant(database, DEMO_TENANT);
    if (!tenant) throw new Error('the tenant has just been made');
    const { tenantId } = tenant;
    const open = { unsignedUrls: 'open' } as const;
    await database.transaction((tx) => changeTenant(tx, systemClock, { tenantId, actor: 'test' }, open));
  });
}

async function prepareNode(options: {
  readonly index: number;
  readonly roles: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly bucket: string;
  readonly database: DatabaseCluster;
  readonly storePort: number;
  readonly mayMount: boolean;
}): Promise<ClusterNode> {
  const { index, folder, bucket, database } = options;
  const own = join(folder, `node-${index}`);
  const disk = join(own, 'disk');
  await mkdir(disk, { recursive: true });
  const isMounted = options.mayMount && mount(disk, `${DISK_MIB}m`);
  const library = findFaketime();
  const clock = library === undefined ? undefined : await createTestClock(library, own);
  const databaseLinks = await Promise.all(database.servers.map(({ port }) => FaultProxy.start({ port })));
  const storeLink = await FaultProxy.start({ port: options.storePort });
  const data = join(disk, 'data');
  await mkdir(data);
  const env = {
    ...options.env,
    SAFELIGHT_DATA: data,
    DATABASE_URL: database.urlThrough(databaseLinks.map(({ port }) => port)),
    SAFELIGHT_OBJECTS: `s3://${bucket}?endpoint=http://127.0.0.1:${storeLink.port}`,
    SAFELIGHT_ROLES: options.roles,
    SAFELIGHT_WORKERS: '1',
    SAFELIGHT_WORKER_UID: String(WORKER_UID + 10 * index),
    SAFELIGHT_DATABASE_CONNECTIONS: '8',
    SAFELIGHT_PUBLIC_TENANT: DEMO_TENANT,
    ...clock?.env,
  };
  return new ClusterNode({ data, env, clock, disk: isMounted ? disk : undefined, databaseLinks, storeLink });
}

/** Nobody has seen the request, so another may be asked. */
function isRefused(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } };
  return cause?.code === 'ECONNREFUSED';
}
