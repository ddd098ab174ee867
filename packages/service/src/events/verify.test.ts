import { generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTestLog, type TestLog } from '../../../../test/support/events.ts';
import { systemClock } from '../core/clock.ts';
import { digestPersonal, link } from './chain.ts';
import { checkpointBytes } from './checkpoint.ts';
import { eraseImageEvents, recordEvent, type VerifyReport, verifyEvents } from './index.ts';
import { sealingKeyId } from './sealing-key.ts';
import { READ_CHAIN_PAGE } from './verify.sql.ts';
import { digestRow } from './verify-tenant.ts';

const EVENTS_PER_TENANT = 12;
const TABLES = ['events', 'event_heads', 'event_checkpoints', 'sealer_state'];

describe('verifying the log', () => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog();
    expect(await verify()).toMatchObject({ findings: [], events: 0, tenants: 0 });
    await fill(log);
    for (const table of TABLES) await log.tamper(`CREATE TABLE sane_${table} AS TABLE ${table}`);
  });
  afterEach(() => restore());
  afterAll(() => log.close());

  const restore = async () => {
    await log.tamper(`TRUNCATE ${TABLES}`);
    for (const table of TABLES) await log.tamper(`INSERT INTO ${table} TABLE sane_${table}`);
  };
  const verify = (tenantId?: string): Promise<VerifyReport> =>
    verifyEvents({ database: log.database, anchors: log.store, publicKeys: [log.key.publicKey], tenantId });
  const findings = async (tenantId?: string) =>
    (await verify(tenantId)).findings.map(({ kind, tenantId: owner, position }) => ({
      kind,
      tenantId: owner,
      position,
    }));
  test('finds nothing in an untouched log, and counts what it checked', async () => {
    const report = await verify();
    expect(report).toMatchObject({ findings: [], events: 2 * EVENTS_PER_TENANT, tenants: 2, erased: 0, unsigned: 0 });
    expect(report.checkpoints).toBeGreaterThanOrEqual(4);
    expect(report.anchors).toBeGreaterThanOrEqual(2);
    expect(await verify(log.tenants.a)).toMatchObject({ findings: [], events: EVENTS_PER_TENANT, tenants: 1 });
  });

  test.each([
    ['data', `data = '{"jobId":"job_forged"}'`],
    ['a number beyond what a double can tell', `data = data || '{"bytes": 12.00000000000000000001}'`],
    ['the type', `type = 'job.dead'`],
    ['the subject', `subject = 'job_forged'`],
    ['the image', `image_id = NULL`],
    ['the actor', `actor = 'key_forged'`],
    ['the time, by a microsecond', `at = at + interval '1 us'`],
    ['the id', `event_id = 'evt_forged'`],
    ['the link', `hash = sha256('forged')`],
  ])('names the row in which somebody changed %s', async (_, assignment) => {
    await log.tamper(`UPDATE events SET ${assignment} WHERE tenant_id = $1 AND position = 4`, [log.tenants.a]);
    expect(await findings()).toEqual([{ kind: 'changed', tenantId: log.tenants.a, position: 4 }]);
    expect(await findings(log.tenants.b)).toEqual([]);
  });

  test('names the row whose place in the chain over all tenants was changed', async () => {
    await log.tamper(`UPDATE events SET log_hash = sha256('forged') WHERE tenant_id = $1 AND position = 4`, [
      log.tenants.a,
    ]);
    expect(await findings()).toEqual([{ kind: 'changed', tenantId: log.tenants.a, position: 4 }]);
  });

  test('names what is missing in the middle', async () => {
    await log.tamper('DELETE FROM events WHERE tenant_id = $1 AND position BETWEEN 3 AND 5', [log.tenants.b]);
    expect(await findings()).toEqual([{ kind: 'removed', tenantId: log.tenants.b, position: 3 }]);
  });

  const CONTENT = ['event_id', 'type', 'subject', 'image_id', 'actor', 'at', 'data'];
  const exchange = (columns: readonly string[], p: number, q: number) =>
    `UPDATE events e SET ${columns.map((column) => `${column} = o.${column}`).join(', ')} FROM events o
     WHERE e.tenant_id = '${log.tenants.a}' AND o.tenant_id = e.tenant_id
       AND e.position IN (${p}, ${q}) AND o.position = ${p + q} - e.position`;
  test.each([
    [3, 8],
    [3, 4],
  ])('names two rows (%i and %i) that were exchanged, whatever moved with them', async (p, q) => {
    const { a } = log.tenants;
    const expected = [p, q].map((position) => ({ kind: 'reordered', tenantId: a, position }));
    await log.tamper(exchange(CONTENT, p, q));
    expect(await findings(), 'the contents alone').toEqual(expected);
    await restore();
    await log.tamper(exchange([...CONTENT, 'hash'], p, q));
    expect(await findings(), 'the contents and their links').toEqual(expected);
    await restore();
    await log.tamper(`ALTER TABLE events DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_log_position_key`);
    await log.tamper(
      `UPDATE events SET position = ${p + q} - position WHERE tenant_id = $1 AND position IN (${p}, ${q})`,
      [a],
    );
    expect(await findings(), 'whole rows').toEqual(expected);
    await restore();
    await log.tamper(exchange(['log_position', 'log_hash'], p, q));
    await log.tamper(`ALTER TABLE events ADD PRIMARY KEY (tenant_id, position), ADD UNIQUE (log_position)`);
    expect(await findings(), 'the places among all tenants').toEqual(expected.toReversed());
  });

  test('names the end that was cut off, by the heads', async () => {
    await log.tamper('DELETE FROM events WHERE tenant_id = $1 AND position > 10', [log.tenants.a]);
    await log.tamper('DELETE FROM event_checkpoints WHERE tenant_id = $1 AND position > 10', [log.tenants.a]);
    expect(await findings()).toContainEqual({ kind: 'cut_off', tenantId: log.tenants.a, position: 11 });
  });

  test('names the end that was cut off with every trace in the database, by the anchors outside', async () => {
    await cutDatabase(log, 17);
    const { a, b } = log.tenants;
    expect(await findings()).toEqual([
      { kind: 'cut_off', tenantId: a, position: 10 },
      { kind: 'cut_off', tenantId: b, position: 9 },
      { kind: 'anchor_ahead', tenantId: null, position: null },
    ]);
    expect(await findings(b)).toEqual([{ kind: 'cut_off', tenantId: b, position: 9 }]);
  });

  test('finds a tenant of whom everything is gone', async () => {
    for (const table of ['events', 'event_heads', 'event_checkpoints']) {
      await log.tamper(`DELETE FROM ${table} WHERE tenant_id = $1`, [log.tenants.b]);
    }
    expect(await findings()).toContainEqual({ kind: 'cut_off', tenantId: log.tenants.b, position: 1 });
  });

  test('finds a history that was written anew with links that hold, by what was signed', async () => {
    await rewriteLinks(log, log.tenants.a, 3, { jobId: 'job_forged' });
    const found = await findings(log.tenants.a);
    expect(found).toContainEqual({ kind: 'checkpoint_mismatch', tenantId: log.tenants.a, position: 6 });
    await log.tamper('DELETE FROM event_checkpoints');
    expect(await findings(log.tenants.a)).toContainEqual({
      kind: 'anchor_mismatch',
      tenantId: log.tenants.a,
      position: EVENTS_PER_TENANT,
    });
  });

  test('finds a checkpoint that another key has signed, under its own name or under ours', async () => {
    const { a } = log.tenants;
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const [row] = await log.database.query<{ hash: Buffer; log_position: number; at: Date }>(
      'SELECT hash, log_position, at FROM event_checkpoints WHERE tenant_id = $1 AND position = 12',
      [a],
    );
    if (!row) throw new Error('the last event is signed');
    for (const keyId of [sealingKeyId(publicKey), log.key.keyId]) {
      const { hash, log_position: logPosition, at } = row;
      const bytes = checkpointBytes({ tenantId: a, position: 12, hash, logPosition, at, keyId });
      await log.tamper(
        'UPDATE event_checkpoints SET key_id = $2, signature = $3 WHERE tenant_id = $1 AND position = 12',
        [a, keyId, sign(null, bytes, privateKey)],
      );
      expect(await findings()).toEqual([{ kind: 'bad_signature', tenantId: a, position: 12 }]);
    }
  });

  test('finds an anchor that nobody signed', async () => {
    await log.store.put('system/anchors/0000000000000005-obj_forged', Buffer.from('{"logPosition":5}'));
    expect(await findings()).toEqual([{ kind: 'bad_signature', tenantId: null, position: null }]);
    await log.store.remove(['system/anchors/0000000000000005-obj_forged']);
  });
});

describe('a log at work', () => {
  let log: TestLog;
  beforeEach(async () => {
    log = await createTestLog();
    return () => log.close();
  });
  const verify = () => verifyEvents({ database: log.database, anchors: log.store, publicKeys: [log.key.publicKey] });

  test('verifies while it is sealed', async () => {
    log.startSealer();
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([log.record(log.tenants.a, 20), log.record(log.tenants.b, 20), verify()]);
      expect((await verify()).findings).toEqual([]);
    }
  });

  test('does not hide a cut behind which it has grown again, however long it grows', async () => {
    await fill(log);
    await cutDatabase(log, 17);
    for (let round = 0; round < 12; round += 1) {
      await log.record(log.tenants.a, 1);
      await log.sealAll();
    }
    expect((await verify()).findings.map(({ kind }) => kind)).toContain('anchor_mismatch');
  });
});

describe('personal fields', () => {
  let log: TestLog;
  beforeAll(async () => {
    log = await createTestLog();
    const { a } = log.tenants;
    for (const imageId of ['img_1', 'img_2']) {
      await log.database.asTenant(a, (tx) =>
        recordEvent(tx, systemClock, {
          tenantId: a,
          type: 'image.deleted',
          subject: imageId,
          imageId,
          actor: 'key_1',
          data: { originalId: 'orig_1', originalDeleted: true, renditions: 3 },
          personal: { address: '192.0.2.1' },
        }),
      );
      // The second one is erased before it is sealed.
      if (imageId === 'img_1') await log.sealAll();
    }
  });
  afterAll(() => log.close());

  const verify = () => verifyEvents({ database: log.database, anchors: log.store, publicKeys: [log.key.publicKey] });

  test('can be erased, from the inbox and from the log, and the chain still verifies', async () => {
    const { a, b } = log.tenants;
    await log.database.asTenant(b, (tx) => eraseImageEvents(tx, a, 'img_1'));
    expect((await verify()).erased).toBe(0);
    for (const imageId of ['img_1', 'img_2']) {
      await log.database.asTenant(a, (tx) => eraseImageEvents(tx, a, imageId));
    }
    await log.sealAll();
    expect(await verify()).toMatchObject({ findings: [], events: 2, erased: 1 });
    const left = await log.database.query('SELECT FROM events WHERE personal IS NOT NULL OR salt IS NOT NULL');
    expect(left).toEqual([]);
  });

  test('cannot be changed, added or half erased unseen', async () => {
    const { a } = log.tenants;
    const forgedSalt = Buffer.alloc(32, 7);
    const changes: [string, unknown[]][] = [
      [`personal = '{"address":"198.51.100.1"}', salt = $2`, [forgedSalt]],
      [`personal = '{"address":"192.0.2.1"}', salt = NULL`, []],
      [`personal = NULL, salt = $2`, [forgedSalt]],
      [
        `personal = '{"address":"198.51.100.1"}', salt = $2, personal_digest = $3`,
        [forgedSalt, digestPersonal(forgedSalt, '{"address": "198.51.100.1"}')],
      ],
    ];
    for (const [assignment, values] of changes) {
      await log.tamper(`UPDATE events SET ${assignment} WHERE tenant_id = $1 AND position = 1`, [a, ...values]);
      expect((await verify()).findings, assignment).toMatchObject([{ kind: 'changed', tenantId: a, position: 1 }]);
    }
  });

  test('cannot be guessed from the digest without the salt', () => {
    const text = '{"address": "192.0.2.1"}';
    expect(digestPersonal(Buffer.alloc(32, 1), text)).not.toEqual(digestPersonal(Buffer.alloc(32, 2), text));
  });
});

/** Two tenants whose events alternate, sealed and signed in two goes. */
async function fill(log: TestLog): Promise<void> {
  for (let half = 0; half < 2; half += 1) {
    for (let round = 0; round < EVENTS_PER_TENANT / 2; round += 1) {
      await log.record(log.tenants.a, 1, `img_${round}`);
      await log.record(log.tenants.b, 1);
    }
    await log.sealAll();
  }
}

/** Takes everything that the database knows of the log after a position, and leaves the log as it stood there. */
async function cutDatabase(log: TestLog, logPosition: number): Promise<void> {
  await log.tamper(`DELETE FROM events WHERE log_position > ${logPosition}`);
  await log.tamper(`DELETE FROM event_checkpoints WHERE log_position > ${logPosition}`);
  await log.tamper(`DELETE FROM event_heads`);
  await log.tamper(
    `INSERT INTO event_heads SELECT DISTINCT ON (tenant_id) tenant_id, position, hash, log_position, 0
     FROM events ORDER BY tenant_id, position DESC`,
  );
  await log.tamper(
    `UPDATE sealer_state SET (log_position, log_hash) =
       (SELECT log_position, log_hash FROM events ORDER BY log_position DESC LIMIT 1)`,
  );
}

/** Changes one event and makes every later link of the tenant hold again, as somebody would who has read the source. */
async function rewriteLinks(log: TestLog, tenantId: string, from: number, data: object): Promise<void> {
  await log.tamper('UPDATE events SET data = $3 WHERE tenant_id = $1 AND position = $2', [tenantId, from, data]);
  const rows = await log.database.query<Parameters<typeof digestRow>[1]>(READ_CHAIN_PAGE, [tenantId, 0, 1_000, 1_000]);
  let previous: Uint8Array = Buffer.alloc(32);
  for (const row of rows) {
    previous = link(previous, row.position, digestRow(tenantId, row));
    await log.tamper('UPDATE events SET hash = $3 WHERE tenant_id = $1 AND position = $2', [
      tenantId,
      row.position,
      previous,
    ]);
  }
}
