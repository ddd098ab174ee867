import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { logOfPostgres, observeDatabase } from './compose/congestion.ts';
import { proxyOf } from './compose/database-proxy.ts';
import { drainNode, joinFleet } from './compose/fleet.ts';
import { FreshOutputs } from './compose/fresh-outputs.ts';
import { holdRemovals } from './compose/held-removals.ts';
import { claimObjects } from './compose/installation.ts';
import { startJanitors } from './compose/janitor.ts';
import { openObjectStore } from './compose/object-store.ts';
import { oidcOf } from './compose/people.ts';
import { countRequests } from './compose/request-counts.ts';
import { startScaler } from './compose/scaler.ts';
import { startSealer } from './compose/sealing.ts';
import { type Config, isLoopback } from './config.ts';
import { systemClock } from './core/clock.ts';
import { isId, newId } from './core/ids.ts';
import { acquireFolderLock } from './db/embedded/lock.ts';
import { type OpenedDatabase, openDatabase } from './db/open.ts';
import { EventHub, type Sealer } from './events/index.ts';
import type { HttpDeps } from './http/index.ts';
import { fetchesOutside, textsByServers } from './outbound/index.ts';
import type { ObjectStore } from './ports/object-store.ts';
import { BOUNDS_DEFAULT, detectIsolation, type Isolation, RenditionWaiters } from './renditions/index.ts';
import { type ApiRole, startApiRole } from './roles/api.ts';
import type { Heartbeat } from './roles/heartbeat.ts';
import { Prober } from './roles/prober.ts';
import { createReadiness } from './roles/readiness.ts';
import type { ScalerRole } from './roles/scaler.ts';
import { startWorkerRole, type WorkerRole } from './roles/worker.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { DEMO_TENANT, provisionDemo } from './tenants/index.ts';
import { readVersion } from './version.ts';

export { backUp } from './compose/backup.ts';
export { claimDomain, giveUpDomain, readDomains } from './compose/domains.ts';
export { readErasures, readReceipt, verifyErasure } from './compose/erasure-tools.ts';
export { drainMs } from './compose/fleet.ts';
export { readOwnTrace } from './compose/own-trace.ts';
export {
  createTenantKey,
  inviteToTenant,
  listTenantKeys,
  listTenantPeople,
  removeFromTenant,
  resetPersonPassword,
  revokeTenantKey,
  rotateTenantKey,
} from './compose/people.ts';
export { restoreBackup } from './compose/restore.ts';
export { scrub } from './compose/scrub.ts';
export { exportTenantTo, importTenantFrom } from './compose/tenant-archive.ts';
export {
  alterTenant,
  makeTenant,
  moveTenant,
  readPlans,
  readTenant,
  readTenants,
  writePlan,
} from './compose/tenants.ts';
export {
  createOperatorKey,
  listTenantUrlKeys,
  migrateDatabase,
  readNodes,
  readScaling,
  retireTenantUrlKey,
  retryDeadJob,
  rotateTenantUrlKey,
  setKeepLocation,
  verifyLog,
} from './compose/tools.ts';
export { readTenantUsage, recount } from './compose/usage-tools.ts';

/** A running node. */
export interface SafelightNode {
  /** Where the API listens, when this node has that role. */
  readonly url: string | undefined;
  /** Of the embedded set-up. */
  readonly demoKey: string | undefined;
  /** Processes below this one, by what they are: for diagnosis, and for tests that kill them. */
  pids(): { readonly database: number | undefined; readonly workers: readonly number[] };
  /** Accepts no more, finishes or gives back what is in flight, and ends everything that was started. */
  stop(): Promise<void>;
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly opened: OpenedDatabase;
  readonly store: ObjectStore;
  readonly isolation: Isolation;
  readonly nodeId: string;
  readonly heartbeat: Heartbeat;
  /** Fires when the node is told to end. */
  readonly draining: AbortController;
  readonly waiters: RenditionWaiters;
  readonly fresh: FreshOutputs;
  readonly sealer: Sealer | undefined;
  readonly hub: EventHub;
  readonly scratch: string;
  readonly consoleBuilt: Promise<void>;
}

type Undo = () => Promise<unknown>;

const API_GRACE_MS = 3_000;
const CONSOLE_DIRECTORY = fileURLToPath(new URL('../../console/dist', import.meta.url));
const CONSOLE_BUILD = fileURLToPath(new URL('../../console/build.ts', import.meta.url));

/**
 * Starts a node: everything that its roles need, in order; what was started is ended again when a later part fails.
 * @throws what the parts throw: FolderBusyError, ClusterBusyError, EmbeddedUnavailableError, SchemaMismatchError, …
 */
export async function startNode(config: Config, log: Logger): Promise<SafelightNode> {
  const undo: Undo[] = [];
  const end = async () => {
    for (const step of undo.reverse())
      await step().catch((error: unknown) => log.error({ err: error }, 'an end failed'));
  };
  try {
    return await start(config, log, undo, end);
  } catch (error) {
    await end();
    throw error;
  }
}

async function start(config: Config, log: Logger, undo: Undo[], end: Undo): Promise<SafelightNode> {
  const parts = await openParts(config, log, undo);
  const { opened } = parts;
  const demoKey = opened.isEmbedded
    ? await provisionDemo(opened.database, systemClock, config.SAFELIGHT_DATA)
    : undefined;
  const closing = new AbortController();
  let workers: WorkerRole | undefined;
  let scaler: ScalerRole | undefined;
  // Side by side: the machines of a pool end as the workers of this node do.
  undo.push(() => Promise.all([workers?.stop(1000 * config.SAFELIGHT_JOB_GRACE_SECONDS), scaler?.stop()]));
  if (config.SAFELIGHT_ROLES.has('worker')) workers = await startWorkers(parts);
  if (config.SAFELIGHT_ROLES.has('scaler')) scaler = startScaler(config, { ...parts, database: opened.database });
  if (config.SAFELIGHT_ROLES.has('janitor')) {
    undo.push(...startJanitors(config, { ...parts, database: opened.database }));
  }
  let api: ApiRole | undefined;
  await parts.consoleBuilt;
  if (config.SAFELIGHT_ROLES.has('api')) api = await startFront(parts, workers, closing.signal, undo);
  undo.push(async () => {
    closing.abort();
    parts.waiters.close();
    await parts.hub.close();
  });
  await parts.heartbeat.up(api?.url);
  let stopped: Promise<unknown> | undefined;
  return {
    url: api?.url,
    demoKey,
    pids: () => ({ database: opened.pid(), workers: workers?.pids() ?? [] }),
    stop: async () => {
      stopped ??= drainNode(config, { ...parts, workers }).then(end);
      await stopped;
    },
  };
}

async function openParts(config: Config, log: Logger, undo: Undo[]): Promise<Parts> {
  const data = config.SAFELIGHT_DATA;
  await mkdir(data, { recursive: true, mode: 0o700 });
  const lock = await acquireFolderLock(data, 'node');
  undo.push(() => lock.release());
  // Beside the start of the database; behind the lock, so that a refused second start leaves the page alone.
  const consoleBuilt = config.SAFELIGHT_ROLES.has('api') ? buildConsole(log) : Promise.resolve();
  const metrics = createMetrics();
  const opened = await openDatabase({
    url: config.DATABASE_URL,
    proxy: proxyOf(config),
    dataDirectory: data,
    connectionsMax: config.SAFELIGHT_DATABASE_CONNECTIONS,
    readerLagMsMax: config.SAFELIGHT_DATABASE_LAG_SECONDS * 1000,
    archive: config.SAFELIGHT_ARCHIVE,
    log: logOfPostgres(log, metrics),
    onError: (error) => log.warn({ err: error }, 'a database connection failed'),
    onNews: (news) => log.warn(news),
    observer: observeDatabase(metrics),
  });
  undo.push(() => opened.close());
  const { database } = opened;
  const store = holdRemovals(await openObjectStore(config, metrics), database);
  await claimObjects(database, store);
  const nodeId = await readNodeId(data);
  const heartbeat = await joinFleet(config, { database, log, metrics, nodeId });
  undo.push(() => heartbeat.stop());
  const onError = (error: Error) => log.warn({ err: error }, 'the event log will try again');
  const hub = new EventHub(database, onError);
  const sealer = config.SAFELIGHT_ROLES.has('janitor')
    ? await startSealer(config, { database, store, onError })
    : undefined;
  if (sealer) undo.push(() => sealer.stop());
  const waiters = new RenditionWaiters({ database, waitersMax: config.SAFELIGHT_WAITERS_MAX });
  const scratch = join(data, 'scratch');
  await rm(scratch, { recursive: true, force: true });
  // Passed through by worker processes that are another user; listed by none.
  await mkdir(scratch, { recursive: true, mode: 0o711 });
  return {
    config,
    log,
    metrics,
    opened,
    store,
    isolation: await detectIsolation(config.SAFELIGHT_WORKER_UID),
    nodeId,
    heartbeat,
    draining: new AbortController(),
    waiters,
    fresh: new FreshOutputs(systemClock),
    sealer,
    hub,
    scratch,
    consoleBuilt,
  };
}

function startWorkers(parts: Parts): Promise<WorkerRole> {
  const { config, opened, waiters, sealer, fresh } = parts;
  return startWorkerRole({
    ...parts,
    database: opened.database,
    clock: systemClock,
    supervisors: () => parts.heartbeat.supervisors,
    workers: config.SAFELIGHT_WORKERS,
    memoryBytes: config.SAFELIGHT_MEMORY,
    rssBytesMax: config.SAFELIGHT_WORKER_MEMORY,
    bounds: { ...BOUNDS_DEFAULT, pixelsMax: config.SAFELIGHT_PIXELS_MAX },
    scratchDirectory: parts.scratch,
    onStored: (objectKey, bytes) => fresh.put(objectKey, bytes),
    onEnded: (ended) => {
      waiters.settle(ended);
      sealer?.hint();
    },
  });
}

async function startFront(
  parts: Parts,
  workers: WorkerRole | undefined,
  closing: AbortSignal,
  undo: Undo[],
): Promise<ApiRole> {
  const { config, opened, store, metrics, sealer } = parts;
  const prober = new Prober({
    ...parts,
    clock: systemClock,
    bounds: { ...BOUNDS_DEFAULT, pixelsMax: config.SAFELIGHT_PIXELS_MAX },
    slot: config.SAFELIGHT_WORKERS,
    scratchDirectory: join(parts.scratch, 'probe'),
    rssBytesMax: config.SAFELIGHT_WORKER_MEMORY,
    waitersMax: config.SAFELIGHT_UPLOADS_MAX,
  });
  undo.push(() => prober.close());
  const deps: HttpDeps = {
    clock: systemClock,
    log: parts.log,
    database: opened.database,
    store,
    events: parts.hub,
    waiters: parts.waiters,
    metrics,
    limits: limitsOf(config),
    version: readVersion(),
    counts: countRequests({ ...parts, database: opened.database }, undo),
    outside: fetchesOutside({ opened: config.SAFELIGHT_OUTBOUND_ALLOW }),
    texts: textsByServers,
    probe: (objectKey, signal) => prober.probe(objectKey, signal),
    hint: (what) => (what === 'jobs' ? workers?.hint() : sealer?.hint()),
    takeFresh: (objectKey) => parts.fresh.take(objectKey),
    reserve: () => workers?.reserve(),
    workers: () => workers?.counts(),
    readiness: createReadiness({
      clock: systemClock,
      log: parts.log,
      database: opened.database,
      store,
      metrics,
      prober,
      workers,
    }),
    publicTenant: publicTenantOf(config, opened.isEmbedded),
    oidc: oidcOf(config),
    trustedProxies: config.SAFELIGHT_TRUSTED_PROXIES,
    publicUrl: config.SAFELIGHT_PUBLIC_URL,
    draining: parts.draining.signal,
    closing,
    consoleDirectory: CONSOLE_DIRECTORY,
  };
  const api = await startApiRole(deps, { host: config.SAFELIGHT_HOST, port: config.SAFELIGHT_PORT });
  undo.push(() => api.stop(API_GRACE_MS));
  return api;
}

/** Builds the page, in a process of its own, where its sources are newer than what was built; elsewhere it comes built. */
async function buildConsole(log: Logger): Promise<void> {
  if (!existsSync(CONSOLE_BUILD)) return;
  await promisify(execFile)(process.execPath, [CONSOLE_BUILD]).catch((error: unknown) => {
    log.error({ err: error }, 'the page could not be built; the API runs without it');
  });
}

function limitsOf(config: Config): HttpDeps['limits'] {
  return {
    uploadBytesMax: config.SAFELIGHT_UPLOAD_BYTES_MAX,
    pixelsMax: config.SAFELIGHT_PIXELS_MAX,
    uploadsMax: config.SAFELIGHT_UPLOADS_MAX,
    uploadIdleMs: config.SAFELIGHT_UPLOAD_IDLE_SECONDS * 1000,
    uploadRateMin: config.SAFELIGHT_UPLOAD_RATE_MIN,
    waitMs: config.SAFELIGHT_WAIT_SECONDS * 1000,
    pendingMax: config.SAFELIGHT_PENDING_MAX,
    deliveryCacheBytes: config.SAFELIGHT_DELIVERY_CACHE_BYTES,
    jobBytesMax: Math.min(config.SAFELIGHT_MEMORY, config.SAFELIGHT_WORKER_MEMORY),
  };
}

/** Nobody is public by accident: only on loopback with the embedded database is `demo` so by itself. */
export function publicTenantOf(config: Config, isEmbedded: boolean): string | undefined {
  const { SAFELIGHT_PUBLIC_TENANT: named, SAFELIGHT_HOST: host } = config;
  if (named === 'none') return undefined;
  if (named !== undefined) return named;
  return isLoopback(host) && isEmbedded ? DEMO_TENANT : undefined;
}

/** Stays the same on one data folder, so that a restarted node can take back what its former self held. */
async function readNodeId(data: string): Promise<string> {
  const file = join(data, 'node-id');
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (isId('node', kept)) return kept;
  const nodeId = newId('node', systemClock);
  await writeFile(file, `${nodeId}\n`);
  return nodeId;
}
