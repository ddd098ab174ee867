import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectAsSuperuser } from '../../../../test/support/database.ts';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { until } from '../../../../test/support/until.ts';
import { sourceFacts } from '../../../../test/support/uploads.ts';
import { systemClock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { claim } from '../jobs/index.ts';
import { selectWork } from '../renditions/end.sql.ts';
import { endRenditions } from '../renditions/end.ts';
import { versionOfDigest } from '../renditions/index.ts';
import { selectEnded } from '../renditions/waiters.sql.ts';
import { acceptImage } from './accept.ts';
import { findDelivery } from './delivery.ts';
import { finishIdempotencyKey, takeIdempotencyKey } from './idempotency.ts';
import { getImage, listImages } from './read.ts';

const ROWS = 30_000;
/** By the sixth run a connection has a plan that it keeps. */
const ROUNDS = 8;
const LOOKS = {
  palette: ['#102030'],
  thumbhash: 'AQIDBAUG',
  blurhash: 'L00000',
  perceptualHash: '0123456789abcdef',
  opaque: true,
};

describe.each([18, 15] as const)('plans made since the tables were empty, on PostgreSQL %d', (major) => {
  let log: TestLog;
  let superuser: pg.Client;
  beforeAll(async () => {
    // As after the time for which plans are kept.
    log = await createTestLog(major, 0);
    superuser = await connectAsSuperuser(log);
    // Statistics that say: always empty; and nobody to correct them, which would have the plans made anew.
    for (const table of TABLES) await superuser.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    await superuser.query('VACUUM ANALYZE');
  });
  afterAll(async () => {
    await superuser.end();
    await log.close();
  });

  it('take a picture on its way without reading any table whole, when that has grown', async () => {
    for (let round = 0; round < ROUNDS; round += 1) await oneWay();
    await fill();
    const before = await reads();
    for (let round = 0; round < ROUNDS; round += 1) await oneWay();
    const after = await reads();
    const read = [...after].map(([table, rows]) => ({ table, rows: rows - (before.get(table) ?? 0) }));
    expect(read.filter(({ rows }) => rows > ROWS / 10)).toEqual([]);
  });

  /** From upload to delivery, as the service asks the database. */
  async function oneWay(): Promise<void> {
    const { database, tenants } = log;
    const tenantId = tenants.a;
    const key = newId('request', systemClock);
    const taken = await takeIdempotencyKey(database, tenantId, key, 30);
    if (taken.state !== 'taken') throw new Error(`the key is ${taken.state}`);
    const { image } = await acceptImage(database, systemClock, upload(tenantId), (tx) =>
      finishIdempotencyKey(tx, tenantId, key, taken.token, { fingerprint: randomBytes(32), answer: {} }),
    );
    const [job] = await claim(database, 'node_1', 1);
    if (!job) throw new Error('nothing to claim');
    const work = await database.query<{ rendition_id: string }>(selectWork, [tenantId, job.jobId]);
    const ready = work.map(({ rendition_id }) => ({ renditionId: rendition_id, made: made(tenantId) }));
    const ended = await endRenditions(database, systemClock, job, { ready, failed: [], looks: LOOKS }, true);
    expect(ended).toHaveLength(image.renditions.length);
    await database.query(selectEnded, [ended.map(() => tenantId), ended.map(({ renditionId }) => renditionId)]);
    await getImage(database, tenantId, image.imageId);
    await listImages(database, tenantId, { limit: 20 });
    const [first] = ended;
    if (first) await findDelivery(database, tenantId, image.imageId, first.transformation);
    expect(first && versionOfDigest(first.digest)).toHaveLength(12);
    await log.sealAll();
  }

  async function fill(): Promise<void> {
    await superuser.query(
      `INSERT INTO originals (tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
       SELECT $1, 'o' || i, sha256(i::text::bytea), 'k' || i, 1, 'jpeg', 1, 1, 1, '{}' FROM generate_series(1, $2::int) i`,
      [log.tenants.a, ROWS],
    );
    await superuser.query(
      `INSERT INTO looks (tenant_id, original_id, palette, thumbhash, blurhash, perceptual_hash, opaque)
       SELECT tenant_id, original_id, '{}', sha256, 'L00000', substr(sha256, 1, 8), true
       FROM originals WHERE object_key ~ '^k'`,
    );
    await superuser.query(
      `INSERT INTO locations SELECT tenant_id, original_id, 0, 0 FROM originals WHERE object_key ~ '^k'`,
    );
    await superuser.query(
      `INSERT INTO images (tenant_id, image_id, original_id)
       SELECT tenant_id, 'i' || original_id, original_id FROM originals WHERE object_key ~ '^k'`,
    );
    await superuser.query(
      `INSERT INTO renditions (tenant_id, rendition_id, original_id, transformation, digest, job_id)
       SELECT tenant_id, 'r' || original_id, original_id, 'w=1', sha256, 'j' || original_id
       FROM originals WHERE object_key ~ '^k'`,
    );
    await superuser.query(
      `INSERT INTO idempotency_keys (tenant_id, idempotency_key, state, lease_until)
       SELECT tenant_id, original_id, 'running', now() FROM originals WHERE object_key ~ '^k'`,
    );
    await log.record(log.tenants.a, ROWS);
    await log.sealAll();
    // What was sealed has left the inbox: its remains would be read again and again while any snapshot may see them.
    await until('nobody sees what is sealed', async () => {
      const { rowCount } = await superuser.query(
        `SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()`,
      );
      return rowCount === 0;
    });
    await superuser.query('VACUUM event_inbox');
  }

  /** Rows read so far, by table. */
  async function reads(): Promise<Map<string, number>> {
    // At once, and each for a while, so that every connection of the pool tells what it has read and none tells it later.
    await Promise.all(
      Array.from({ length: 20 }, () => log.database.query('SELECT pg_stat_force_next_flush(), pg_sleep(0.1)')),
    );
    await superuser.query('SELECT pg_stat_force_next_flush()');
    await superuser.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await superuser.query(
      `SELECT relname, (seq_tup_read + coalesce((SELECT sum(idx_tup_read) FROM pg_stat_user_indexes i
         WHERE i.relid = t.relid), 0))::int8 AS rows
       FROM pg_stat_user_tables t WHERE relname = ANY ($1)`,
      [TABLES],
    );
    return new Map(rows.map(({ relname, rows }) => [relname, Number(rows)]));
  }
});

const TABLES = [
  'originals',
  'looks',
  'locations',
  'images',
  'image_tags',
  'renditions',
  'idempotency_keys',
  'jobs',
  'event_inbox',
  'events',
  'event_heads',
];

function upload(tenantId: string) {
  const objectKey = `${tenantId}/original/${newId('object', systemClock)}`;
  const told = { tenantId, objectKey, bytes: 1_000, sha256: randomBytes(32), facts: sourceFacts() };
  return { ...told, filename: 'a.jpg', tags: ['a'], actor: 'key_1', address: undefined };
}

function made(tenantId: string) {
  const objectKey = `${tenantId}/rendition/${newId('object', systemClock)}`;
  return { objectKey, sha256: randomBytes(32), bytes: 1, format: 'jpeg', width: 1, height: 1, renderMs: 1 } as const;
}
