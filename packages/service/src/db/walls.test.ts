import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectAsSuperuser,
  createTestDatabase,
  TENANT_A,
  TENANT_B,
  type TestDatabase,
} from '../../../../test/support/database.ts';
import { gapsInWalls, tenantTables } from './walls.fixture.ts';

const DIGEST = `decode(repeat('ab', 32), 'hex')`;
const OWN = `'${TENANT_A}'`;

/** One row of tenant A in each tenant's table, parents first. A new table needs its line. */
const ROWS: Readonly<Record<string, string>> = {
  tenants: `(tenant_id, slug, url_secret) VALUES (${OWN}, 'tenant-a-again', ${DIGEST})`,
  keys: `(tenant_id, key_id, sha256, scopes) VALUES (${OWN}, 'key_1', ${DIGEST}, '{}')`,
  memberships: `(tenant_id, person_id, email, role) VALUES (${OWN}, 'per_1', 'a@example.org', 'owner')`,
  sessions: `(tenant_id, session_id, person_id, sha256, expires_at) VALUES (${OWN}, 'ses_1', 'per_1', ${DIGEST}, now())`,
  invitations: `(tenant_id, invitation_id, email, role, sha256, expires_at)
    VALUES (${OWN}, 'inv_1', 'b@example.org', 'viewer', ${DIGEST}, now())`,
  url_keys: `(tenant_id, key_id, secret) VALUES (${OWN}, 'urk_1', ${DIGEST})`,
  originals: `(tenant_id, original_id, sha256, object_key, bytes, format, width, height, frames, facts)
    VALUES (${OWN}, 'orig_1', ${DIGEST}, 'a/original/1', 1, 'png', 1, 1, 1, '{}')`,
  looks: `(tenant_id, original_id, palette, thumbhash, blurhash, perceptual_hash, opaque)
    VALUES (${OWN}, 'orig_1', '{}', '\\x0102030405', 'L00000', '\\x0102030405060708', true)`,
  locations: `(tenant_id, original_id, latitude, longitude) VALUES (${OWN}, 'orig_1', 48.9, 2.3)`,
  pyramids: `(tenant_id, original_id, state, job_id, job_token) VALUES (${OWN}, 'orig_1', 'making', 'job_1', 1)`,
  images: `(tenant_id, image_id, original_id) VALUES (${OWN}, 'img_1', 'orig_1')`,
  image_tags: `(tenant_id, image_id, tag) VALUES (${OWN}, 'img_1', 'red')`,
  renditions: `(tenant_id, rendition_id, original_id, transformation, digest, state, job_id)
    VALUES (${OWN}, 'ren_1', 'orig_1', 'w=1', ${DIGEST}, 'pending', 'job_1')`,
  object_damages: `(tenant_id, object_key, kind, damage, original_id)
    VALUES (${OWN}, 'a/original/1', 'original', 'missing', 'orig_1')`,
  idempotency_keys: `(tenant_id, idempotency_key, state, lease_until) VALUES (${OWN}, 'once', 'running', now())`,
  upload_tokens: `(tenant_id, token_id, sha256, bytes_max, images_max, tags, created_by, expires_at)
    VALUES (${OWN}, 'upt_1', ${DIGEST}, 1, 1, '{}', 'key_1', now())`,
  uploads: `(tenant_id, upload_id, kind, bytes, tags, expires_at) VALUES (${OWN}, 'upl_1', 'resumable', 1, '{}', now())`,
  upload_parts: `(tenant_id, upload_id, first, bytes, object_key) VALUES (${OWN}, 'upl_1', 0, 1, 'a/upload/1')`,
  tenant_lanes: `(tenant_id, lane, virtual_finish, virtual_charged) VALUES (${OWN}, 'live', 1, 1)`,
  jobs: `(tenant_id, job_id, original_id, lane, virtual_start, cost_micros, bytes_predicted)
    VALUES (${OWN}, 'job_1', 'orig_1', 'live', 1, 1, 1)`,
  domains: `(tenant_id, host, challenge) VALUES (${OWN}, 'img.example.org', 'once')`,
  presets: `(tenant_id, name, version, transformation, on_upload, up_to)
    VALUES (${OWN}, 'hero', 1, 'fit=max&h=1&w=1', true, 'orig_1')`,
  former_presets: `(tenant_id, name, version, transformation) VALUES (${OWN}, 'hero', 1, 'w=1')`,
  webhooks: `(tenant_id, webhook_id, url, secret) VALUES (${OWN}, 'whk_1', 'https://example.org/', ${DIGEST})`,
  webhook_deliveries: `(tenant_id, webhook_id, event_id, position, type)
    VALUES (${OWN}, 'whk_1', 'evt_0', 1, 'image.accepted')`,
  usage_hours: `(tenant_id, hour, requests) VALUES (${OWN}, '2026-01-01', 1)`,
  usage_months: `(tenant_id, month, stored_bytes) VALUES (${OWN}, '2026-01-01', 1)`,
  usage_node_hours: `(tenant_id, hour, boot_id, requests) VALUES (${OWN}, '2026-01-01', 'node_1', 1)`,
  usage_corrections: `(tenant_id, at, stored_bytes) VALUES (${OWN}, '2026-01-01', 1)`,
  usage_prices: `(tenant_id, from_hour, plan, version, prices) VALUES (${OWN}, '2026-01-01', 'unlimited', 1, '{}')`,
  erasures: `(tenant_id, erasure_id, scope, image_id, state, actor) VALUES (${OWN}, 'era_1', 'image', 'img_1', 'removed', 'key_1')`,
  rate_shares: `(tenant_id, rate) VALUES (${OWN}, 'requests')`,
  budgets: `(tenant_id, hard_micros) VALUES (${OWN}, 1)`,
  budget_releases: `(tenant_id, micros) VALUES (${OWN}, 1)`,
  event_inbox: `(tenant_id, event_id, type, subject, actor, data) VALUES (${OWN}, 'evt_1', 'image.accepted', 'img_1', 'system', '{}')`,
  events: `(tenant_id, position, log_position, event_id, type, subject, actor, at, data, hash, log_hash)
    VALUES (${OWN}, 1, 1, 'evt_0', 'image.accepted', 'img_1', 'system', now(), '{}', ${DIGEST}, ${DIGEST})`,
  event_heads: `(tenant_id, position, hash, log_position) VALUES (${OWN}, 1, ${DIGEST}, 1)`,
  event_checkpoints: `(tenant_id, position, hash, log_position, at, key_id, signature)
    VALUES (${OWN}, 1, ${DIGEST}, 1, now(), 'key', ${DIGEST})`,
};

/** Each takes one stone out of the walls, and what is then reported. */
const BREACHES: readonly (readonly [string, string, RegExp])[] = [
  [
    'a table that nobody walled',
    'CREATE TABLE bare (tenant_id text COLLATE "C" NOT NULL PRIMARY KEY)',
    /^table bare: row security is not enabled/,
  ],
  ['a table without a tenant', `CREATE TABLE bare (id int PRIMARY KEY)`, /^table bare: tenant_id is missing/],
  [
    'a tenant who may be null',
    `ALTER TABLE image_tags DROP CONSTRAINT image_tags_pkey, ALTER tenant_id DROP NOT NULL`,
    /^table image_tags: tenant_id is text C NULL/,
  ],
  [
    'row security that does not bind the owner',
    'ALTER TABLE images NO FORCE ROW LEVEL SECURITY',
    /^table images: row security/,
  ],
  ['row security switched off', 'ALTER TABLE images DISABLE ROW LEVEL SECURITY', /^table images: row security/],
  [
    'a policy that lets all through',
    'CREATE POLICY all_see ON images TO safelight_app USING (true)',
    /^table images: policies are/,
  ],
  ['a policy that checks no writes', 'ALTER POLICY tenant ON images WITH CHECK (true)', /^table images: policies are/],
  ['a policy that is gone', 'DROP POLICY system ON images', /^table images: policies are/],
  [
    'a key that does not begin with the tenant',
    'ALTER TABLE image_tags DROP CONSTRAINT image_tags_pkey, ADD PRIMARY KEY (image_id, tag, tenant_id)',
    /^table image_tags: the primary key/,
  ],
  ['another owner', 'ALTER TABLE images OWNER TO safelight_app', /^table images: belongs to safelight_app/],
  ['a grant to everybody', 'GRANT SELECT ON images TO PUBLIC', /^table images: PUBLIC/],
  ['a right to truncate', 'GRANT TRUNCATE ON images TO safelight_app', /^table images: safelight_app may TRUNCATE/],
  [
    'a reference without the tenant',
    'ALTER TABLE keys ADD UNIQUE (key_id), ADD next_id text REFERENCES keys (key_id)',
    /^foreign key keys_next_id_fkey/,
  ],
  ['uniqueness across tenants', 'CREATE UNIQUE INDEX guessable ON images (filename)', /^unique index guessable/],
  [
    'uniqueness of an expression',
    'CREATE UNIQUE INDEX guessable ON images (lower(filename))',
    /^unique index guessable/,
  ],
  [
    'a reason for an index that is gone',
    'ALTER TABLE keys DROP CONSTRAINT keys_sha256_key',
    /^GLOBALLY_UNIQUE: keys_sha256_key/,
  ],
  [
    'a role that bypasses',
    'ALTER ROLE safelight_app BYPASSRLS',
    /^role safelight_app: is a superuser or has BYPASSRLS/,
  ],
  [
    'an app that may become the system',
    'GRANT safelight_system TO safelight_app',
    /^role safelight_app: is a member of safelight_system/,
  ],
  [
    'a service that owns',
    'GRANT safelight_owner TO safelight_service',
    /^role safelight_service: is a member of safelight_owner/,
  ],
  [
    'a system table open to tenants',
    'GRANT SELECT ON sealer_state TO safelight_app',
    /^system table sealer_state: safelight_app may \[SELECT\]/,
  ],
  ['a view as its owner', 'CREATE VIEW every_image AS SELECT * FROM images', /^view every_image/],
  ['a copy without walls', 'CREATE MATERIALIZED VIEW every_image AS SELECT * FROM images', /^view every_image/],
  [
    'a function past the walls',
    `CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM images'`,
    /^function peek: is SECURITY DEFINER, and/,
  ],
];

describe.each([18, 15] as const)('the walls between tenants, on PostgreSQL %i', (major) => {
  let db: TestDatabase;
  let superuser: pg.Client;

  beforeAll(async () => {
    db = await createTestDatabase(major);
    superuser = await connectAsSuperuser(db);
  });
  afterAll(async () => {
    await superuser.end();
    await db.close();
  });

  it('run on that version', async () => {
    const { rows } = await superuser.query<{ server_version_num: string }>('SHOW server_version_num');
    expect(Math.floor(Number(rows[0]?.server_version_num) / 10_000)).toBe(major);
  });

  it('stand around every table', async () => {
    expect(await gapsInWalls(superuser)).toEqual([]);
  });

  it.each(BREACHES)('are reported broken by %s', async (_, breach, gap) => {
    await superuser.query('BEGIN');
    try {
      await superuser.query(breach);
      expect(await gapsInWalls(superuser)).toContainEqual(expect.stringMatching(gap));
    } finally {
      await superuser.query('ROLLBACK');
    }
  });

  it('have a sample row for every table', async () => {
    const names = (await tenantTables(superuser)).map(({ name }) => name);
    expect(Object.keys(ROWS).sort()).toEqual(names.sort());
  });

  describe('with a row of tenant A in every table', () => {
    beforeAll(async () => {
      // The tenant itself stands already.
      for (const [table, row] of Object.entries(ROWS))
        if (table !== 'tenants') await superuser.query(`INSERT INTO ${table} ${row}`);
    });

    it.each(Object.keys(ROWS))('%s shows it to A, and neither to B nor to nobody', async (table) => {
      const read = `SELECT tenant_id FROM ${table} WHERE tenant_id = $1`;
      const mine = async (tenant: string) =>
        db.database.asTenant(tenant, (tx) => tx.query<{ tenant_id: string }>(read, [TENANT_A]));
      if (!(await mayApp(superuser, table, 'SELECT'))) return;
      expect(await mine(TENANT_A)).toEqual([{ tenant_id: TENANT_A }]);
      expect(await mine(TENANT_B)).toEqual([]);
      expect(await mine('')).toEqual([]);
      const all = await db.database.asTenant(TENANT_B, (tx) =>
        tx.query<{ tenant_id: string }>(`SELECT tenant_id FROM ${table}`),
      );
      expect(all.filter(({ tenant_id }) => tenant_id !== TENANT_B)).toEqual([]);
    });

    it.each(Object.entries(ROWS))('%s takes no row of A’s from B', async (table, row) => {
      const reason = (await mayApp(superuser, table, 'INSERT'))
        ? /violates row-level security policy/
        : /permission denied/;
      const insert = db.database.asTenant(TENANT_B, (tx) => tx.query(`INSERT INTO ${table} ${row}`));
      await expect(insert).rejects.toThrow(reason);
    });

    it.each(Object.keys(ROWS))('%s lets B neither change nor remove it', async (table) => {
      const before = await contentsOf(superuser, table);
      const column = await writableColumn(superuser, table);
      const changes = column ? [`UPDATE ${table} SET ${column} = ${column}`] : [];
      if (await mayApp(superuser, table, 'DELETE')) changes.push(`DELETE FROM ${table}`);
      for (const change of changes) {
        const touched = await db.database.asTenant(TENANT_B, (tx) => tx.query(`${change} RETURNING tenant_id`));
        expect(touched.filter((row) => (row as { tenant_id: string }).tenant_id !== TENANT_B)).toEqual([]);
      }
      expect(await contentsOf(superuser, table)).toEqual(before);
    });
  });
});

async function mayApp(superuser: pg.Client, table: string, verb: string): Promise<boolean> {
  const tables = await tenantTables(superuser);
  return tables.some(({ name, appMay }) => name === table && appMay.includes(verb));
}

/** A column that the app may read and write, or undefined when it may change none. */
async function writableColumn(superuser: pg.Client, table: string): Promise<string | undefined> {
  const { rows } = await superuser.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''
       AND has_column_privilege('safelight_app', attrelid, attnum, 'SELECT')
       AND has_column_privilege('safelight_app', attrelid, attnum, 'UPDATE')
     ORDER BY attnum DESC LIMIT 1`,
    [table],
  );
  return rows[0]?.name;
}

async function contentsOf(superuser: pg.Client, table: string): Promise<unknown[]> {
  // ctid and xmin too: a row that was rewritten with the same values was touched.
  return (await superuser.query(`SELECT ctid::text, xmin::text, * FROM ${table} WHERE tenant_id = $1`, [TENANT_A]))
    .rows;
}
