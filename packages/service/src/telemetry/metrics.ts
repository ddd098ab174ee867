import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { congestionMetrics } from './congestion-metrics.ts';

const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Each look wakes the process. At the library's 10 ms that was a third of what an idle node costs (9 ms per second). */
const LAG_LOOK_MS = 100;
const JOB_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** Everything that a node measures, in one registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'safelight_', eventLoopMonitoringPrecision: LAG_LOOK_MS });
  const common = { registers: [registry] };
  return {
    registry,
    requestSeconds: new Histogram({
      name: 'safelight_http_request_seconds',
      help: 'Time from the first byte of a request to the last of its answer.',
      labelNames: ['route', 'status'],
      buckets: REQUEST_SECONDS,
      ...common,
    }),
    uploadBytes: new Counter({ name: 'safelight_upload_bytes_total', help: 'Bytes of accepted originals.', ...common }),
    ...deliveryMetrics(common),
    ...jobMetrics(common),
    waiters: new Gauge({ name: 'safelight_waiters', help: 'Requests that wait for a rendition.', ...common }),
    ...nodeMetrics(common),
    databaseReads: new Counter({
      name: 'safelight_database_reads_total',
      help: 'Reads that a standby of the database may serve, by who did: writer or reader. None of a single host.',
      labelNames: ['at'],
      ...common,
    }),
    ...peopleMetrics(common),
    ...scalerMetrics(common),
    ...congestionMetrics(common),
    meteredEvents: new Counter({
      name: 'safelight_metered_events_total',
      help: 'Events of the sealed log that this node has metered.',
      ...common,
    }),
    sweptObjects: new Counter({
      name: 'safelight_swept_objects_total',
      help: 'Objects that no row pointed at, removed by the janitor.',
      ...common,
    }),
  };
}

function jobMetrics(common: { readonly registers: Registry[] }) {
  return {
    jobSeconds: new Histogram({
      name: 'safelight_job_seconds',
      help: 'Time from the claim of a job to its end.',
      labelNames: ['outcome'],
      buckets: JOB_SECONDS,
      ...common,
    }),
    jobWaitSeconds: new Histogram({
      name: 'safelight_job_wait_seconds',
      help: 'Time from the enqueue of a job to its first claim.',
      labelNames: ['lane'],
      buckets: JOB_SECONDS,
      ...common,
    }),
    workerDeaths: new Counter({
      name: 'safelight_worker_deaths_total',
      help: 'Worker processes that died under a job.',
      labelNames: ['reason'],
      ...common,
    }),
    workers: new Gauge({
      name: 'safelight_workers',
      help: 'Worker processes of this node: wanted, alive, busy, and idle, which begin what a request needs at once.',
      labelNames: ['state'],
      ...common,
    }),
    queueJobs: new Gauge({
      name: 'safelight_queue_jobs',
      help: 'Jobs in the queue of the whole installation.',
      labelNames: ['lane', 'state'],
      ...common,
    }),
    queueAgeSeconds: new Gauge({
      name: 'safelight_queue_age_seconds',
      help: 'How long the job that has been ready the longest has waited.',
      labelNames: ['lane'],
      ...common,
    }),
  };
}

function nodeMetrics(common: { readonly registers: Registry[] }) {
  return {
    nodes: new Gauge({
      name: 'safelight_nodes',
      help: 'Nodes of the whole installation; `gone` are those that vanished within the last hour.',
      labelNames: ['state'],
      ...common,
    }),
    heartbeatFailures: new Counter({
      name: 'safelight_heartbeat_failures_total',
      help: 'Heartbeats of this node that the database did not take.',
      ...common,
    }),
  };
}

function peopleMetrics(common: { readonly registers: Registry[] }) {
  return {
    logIns: new Counter({
      name: 'safelight_log_ins_total',
      help: 'Log-ins of people: opened or refused.',
      labelNames: ['result'],
      ...common,
    }),
    passwordHashes: new Counter({
      name: 'safelight_password_hashes_total',
      help: 'Passwords that were digested, of people who are there or not.',
      ...common,
    }),
  };
}

function scalerMetrics(common: { readonly registers: Registry[] }) {
  return {
    scalerWorkers: new Gauge({
      name: 'safelight_scaler_workers',
      help: 'Worker processes as the scaler that leads sees them: ready, starting, draining, and how many it wants.',
      labelNames: ['kind'],
      ...common,
    }),
    scalerDecisions: new Counter({
      name: 'safelight_scaler_decisions_total',
      help: 'Decisions on the size of the fleet that were kept.',
      labelNames: ['reason'],
      ...common,
    }),
    scalerFailures: new Counter({
      name: 'safelight_scaler_failures_total',
      help: 'Looks, decisions and orders that failed, and machines that ended unasked.',
      ...common,
    }),
  };
}

function deliveryMetrics(common: { readonly registers: Registry[] }) {
  return {
    deliveredBytes: new Counter({
      name: 'safelight_delivered_bytes_total',
      help: 'Bytes of delivered bodies.',
      ...common,
    }),
    deliveries: new Counter({
      name: 'safelight_deliveries_total',
      help: 'Delivered pictures, by where they were found: memory, facts (bytes from the store) or database.',
      labelNames: ['found'],
      ...common,
    }),
    deliveryCacheBytes: new Gauge({
      name: 'safelight_delivery_cache_bytes',
      help: 'Memory taken by small objects that are asked for often.',
      ...common,
    }),
    webhookMessages: new Counter({
      name: 'safelight_webhook_messages_total',
      help: 'Attempts to tell a webhook what happened.',
      labelNames: ['outcome'],
      ...common,
    }),
    purges: new Counter({
      name: 'safelight_purges_total',
      help: 'Keys that the cache in front was told to drop, and requests to it that failed.',
      labelNames: ['outcome'],
      ...common,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
