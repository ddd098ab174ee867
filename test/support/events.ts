import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { newId } from '../../packages/service/src/core/ids.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { openFsObjectStore } from '../../packages/service/src/drivers/fs-object-store/index.ts';
import {
  loadSealingKey,
  type NewEventOf,
  recordEvents,
  Sealer,
  type SealerDeps,
  type SealingKey,
} from '../../packages/service/src/events/index.ts';
import type { ObjectStore } from '../../packages/service/src/ports/object-store.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';

export interface TestLog extends TestDatabase {
  readonly key: SealingKey;
  readonly store: ObjectStore;
  /** The store's and the key's folder. */
  readonly directory: string;
  /** A sealer of this log, started; `close` stops it. */
  startSealer(given?: Partial<SealerDeps>): Sealer;
  /** Commits events that tell of jobs retried, of one image each if one is named. */
  record(tenantId: string, count: number, imageId?: string): Promise<void>;
  /** Seals, signs and anchors everything that is committed. */
  sealAll(): Promise<void>;
  /** Runs SQL as the superuser with the triggers off: what an intruder can do. */
  tamper(sql: string, values?: unknown[]): Promise<void>;
}

/** A database with a sealing key and a place for anchors. */
export async function createTestLog(major: 18 | 15 = 18, plansMsMax?: number): Promise<TestLog> {
  const test = await createTestDatabase(major, plansMsMax);
  const directory = await mkdtemp(join(tmpdir(), 'safelight-events-'));
  const store = await openFsObjectStore({ directory: join(directory, 'objects') });
  const key = await loadSealingKey(join(directory, 'sealing-key'));
  const sealers: Sealer[] = [];
  const startSealer: TestLog['startSealer'] = (given = {}) => {
    const sealer = new Sealer({
      database: test.database,
      clock: systemClock,
      key,
      anchors: store,
      nodeId: newId('node', systemClock),
      onError: (error) => {
        throw error;
      },
      ...given,
    });
    sealer.start();
    sealers.push(sealer);
    return sealer;
  };
  return {
    ...test,
    key,
    store,
    directory,
    startSealer,
    record: (tenantId, count, imageId) => recordJobs(test.database, tenantId, count, imageId),
    sealAll: async () => {
      await startSealer().stop();
      await untilSealed(test.database, startSealer);
    },
    tamper: (sql, values) => tamper(test.superuser, sql, values),
    close: async () => {
      for (const sealer of sealers) await sealer.stop();
      await test.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** An event that tells nothing but that it is there. */
export function newTestEvent(tenantId: string, imageId?: string): NewEventOf<'job.retried'> {
  const jobId = newId('job', systemClock);
  return {
    tenantId,
    type: 'job.retried',
    subject: jobId,
    actor: 'system',
    data: { jobId },
    ...(imageId && { imageId }),
  };
}

async function recordJobs(database: Database, tenantId: string, count: number, imageId?: string): Promise<void> {
  const events = Array.from({ length: count }, () => newTestEvent(tenantId, imageId));
  await database.asTenant(tenantId, (tx) => recordEvents(tx, systemClock, events));
}

/** Transactions of other databases in the same cluster may hold events back for a moment. */
async function untilSealed(database: Database, startSealer: TestLog['startSealer']): Promise<void> {
  for (;;) {
    const waiting = await database.query('SELECT FROM event_inbox LIMIT 1');
    if (waiting.length === 0) return;
    await startSealer().stop();
  }
}

async function tamper(superuser: pg.ClientConfig, sql: string, values?: unknown[]): Promise<void> {
  const client = new pg.Client({
    ...superuser,
    options: '-c search_path=safelight -c session_replication_role=replica',
  });
  await client.connect();
  try {
    await client.query(sql, values);
  } finally {
    await client.end();
  }
}
