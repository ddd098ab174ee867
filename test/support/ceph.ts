import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type CephPlace, findCeph } from './ceph-packages.ts';
import { freePort } from './cluster-server.ts';
import { until } from './until.ts';

const START_MS_MAX = 60_000;
const MEMORY_BYTES = 2 ** 32;
const KEYS = {
  'mon.': ['mon', 'allow *'],
  'client.admin': ['mon', 'allow *', 'osd', 'allow *', 'mgr', 'allow *'],
  'osd.0': ['mon', 'allow profile osd', 'osd', 'allow *', 'mgr', 'allow profile osd'],
} as const;

export interface S3User {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * A real S3 server: Ceph's object gateway over one monitor and one store that keeps its objects in memory, on free
 * ports of loopback. Up in 3 s with 140 MB, for it needs no manager, no Python and no disk.
 */
export class Ceph {
  readonly user: S3User;
  readonly #place: CephPlace;
  readonly #folder: string;
  readonly #config: string;
  readonly #processes: ChildProcess[] = [];
  #gatewayPort = 0;

  private constructor(place: CephPlace, folder: string) {
    this.#place = place;
    this.#folder = folder;
    this.#config = join(folder, 'ceph.conf');
    this.user = newUser();
  }

  /** @throws when Ceph is not on this machine: ask `findCeph` first. */
  static async start(): Promise<Ceph> {
    const place = findCeph();
    if (!place) throw new Error('Ceph is not on this machine');
    const ceph = new Ceph(place, await mkdtemp(join(tmpdir(), 'safelight-ceph-')));
    try {
      await ceph.#start();
      return ceph;
    } catch (error) {
      await ceph.stop();
      throw error;
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.#gatewayPort;
  }

  /** Makes an empty bucket. @returns its name. */
  async createBucket(name = `bucket-${randomUUID()}`): Promise<string> {
    const client = new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: this.user,
    });
    await client.send(new CreateBucketCommand({ Bucket: name }));
    client.destroy();
    return name;
  }

  /** Ceph's own command for users, quotas and buckets. */
  async admin(...args: readonly string[]): Promise<string> {
    return this.#run('radosgw-admin', ...args);
  }

  /** Its machine neither answers nor refuses: every process stands still, or goes on. */
  pause(isPaused: boolean): void {
    for (const child of this.#processes) child.kill(isPaused ? 'SIGSTOP' : 'SIGCONT');
  }

  /** SIGKILL to every process; what they held was in memory. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#processes.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const [monitorPort, gatewayPort] = await Promise.all([freePort(), freePort()]);
    this.#gatewayPort = gatewayPort;
    const keyring = join(this.#folder, 'keyring');
    const monitorMap = join(this.#folder, 'monmap');
    const storeMap = join(this.#folder, 'osdmap');
    const clusterId = randomUUID();
    for (const name of ['mon', 'osd', 'run']) await mkdir(join(this.#folder, name));
    await writeFile(this.#config, this.#settings(clusterId, monitorPort));
    for (const [name, caps] of Object.entries(KEYS)) await this.#addKey(keyring, name, caps);
    const address = `[v2:127.0.0.1:${monitorPort}]`;
    await this.#run('monmaptool', '--create', '--fsid', clusterId, '--addv', 'a', address, monitorMap);
    await this.#run('osdmaptool', '--createsimple', '1', storeMap);
    const maps = ['--monmap', monitorMap, '--osdmap', storeMap];
    await this.#run('ceph-mon', '--mkfs', '-i', 'a', ...maps, '--keyring', keyring);
    this.#spawn('ceph-mon', '-f', '-i', 'a');
    await this.#run('ceph-osd', '-i', '0', '--keyring', keyring, '--mkfs', '--osd-uuid', randomUUID());
    this.#spawn('ceph-osd', '-f', '-i', '0', '--keyring', keyring);
    const { accessKeyId, secretAccessKey } = this.user;
    const keys = ['--access-key', accessKeyId, '--secret-key', secretAccessKey];
    await this.admin('user', 'create', '--uid', 'tests', '--display-name', 'tests', ...keys);
    this.#spawn('radosgw', '-f', '-n', 'client.admin', '--keyring', keyring);
    await until('the gateway answers', async () => (await fetch(this.endpoint)).ok, START_MS_MAX);
  }

  async #addKey(keyring: string, name: string, caps: readonly string[]): Promise<void> {
    const pairs = caps.flatMap((cap, index) => (index % 2 === 0 ? ['--cap', cap] : [cap]));
    const create = name === 'mon.' ? ['--create-keyring'] : [];
    await this.#run('ceph-authtool', ...create, keyring, '--gen-key', '-n', name, ...pairs);
  }

  #settings(clusterId: string, monitorPort: number): string {
    const at = (name: string) => join(this.#folder, name);
    return [
      '[global]',
      `fsid = ${clusterId}`,
      'mon initial members = a',
      `mon host = [v2:127.0.0.1:${monitorPort}]`,
      'public addr = 127.0.0.1',
      'cluster addr = 127.0.0.1',
      'ms bind ipv6 = false',
      `keyring = ${at('keyring')}`,
      `run dir = ${at('run')}`,
      'admin socket =',
      `log file = ${at('$name.log')}`,
      `pid file = ${at('run/$name.pid')}`,
      ...this.#place.settings,
      'osd pool default size = 1',
      'osd pool default min size = 1',
      'osd pool default pg num = 1',
      'osd pool default pg autoscale mode = off',
      'osd crush chooseleaf type = 0',
      'mon allow pool size one = true',
      'mon max pg per osd = 1000',
      // Else the monitor gathers changes for a second each, and a new cluster makes a dozen: 14 s instead of 3.
      'paxos propose interval = 0.02',
      'paxos min wait = 0.01',
      `mon data = ${at('mon')}`,
      `osd data = ${at('osd')}`,
      'osd objectstore = memstore',
      `memstore device bytes = ${MEMORY_BYTES}`,
      // Without its option each body waits 40 ms for the acknowledgement of its headers.
      `rgw frontends = beast endpoint=127.0.0.1:${this.#gatewayPort} tcp_nodelay=1`,
      'rgw enable usage log = false',
      'rgw thread pool size = 64',
      // So that a few hundred objects take more than one answer to list.
      'rgw max listing results = 100',
      `rgw data = ${at('rgw')}`,
      '',
    ].join('\n');
  }

  async #run(program: string, ...args: readonly string[]): Promise<string> {
    const options = { env: this.#env(), timeout: START_MS_MAX };
    const { stdout } = await promisify(execFile)(this.#place.program(program), args, options);
    return stdout;
  }

  /** Dies with this process, however that ends. */
  #spawn(program: string, ...args: readonly string[]): void {
    const command = ['--pdeathsig', 'KILL', this.#place.program(program), ...args];
    this.#processes.push(spawn('setpriv', command, { env: this.#env(), stdio: 'ignore' }));
  }

  #env(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, ...this.#place.env, CEPH_CONF: this.#config };
  }
}

function newUser(): S3User {
  return {
    accessKeyId: randomUUID().replaceAll('-', '').slice(0, 20).toUpperCase(),
    secretAccessKey: randomUUID().replaceAll('-', ''),
  };
}
