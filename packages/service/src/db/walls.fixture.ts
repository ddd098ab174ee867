import type pg from 'pg';

/** Tables that belong to no tenant. Each needs a reason, and says what a tenant's transaction may do with it. */
export const SYSTEM_TABLES: Readonly<Record<string, { readonly why: string; readonly appMay: readonly string[] }>> = {
  schema_migrations: { why: 'which migrations were applied; written by whoever migrates', appMay: ['SELECT'] },
  lane_floors: { why: 'where each lane’s claims begin, over all tenants', appMay: [] },
  parked_nodes: { why: 'nodes that wait for work', appMay: [] },
  installation: { why: 'which installation this database is; written once, by its migration', appMay: [] },
  nodes: { why: 'the nodes that run, by their own word', appMay: [] },
  role_leases: { why: 'which node leads in what only one may do', appMay: [] },
  sealer_state: { why: 'who seals the log, and where it stands', appMay: [] },
  scaling_decisions: { why: 'what the autoscaler decided for the whole installation', appMay: [] },
  removal_holds: { why: 'backups that are being made of the whole installation', appMay: [] },
  scrub_progress: { why: 'how far the scrub has come, over all tenants', appMay: [] },
  plans: { why: 'what tenants may use and pay; the operator’s data', appMay: [] },
  plan_versions: { why: 'what the plans said before', appMay: [] },
  people: { why: 'who can log in, over all tenants; a tenant’s own list is `memberships`', appMay: [] },
  log_in_failures: { why: 'log-ins that failed before a tenant is known', appMay: [] },
  webhook_cursor: { why: 'how far webhooks of all tenants have been told', appMay: [] },
  usage_cursor: { why: 'how far the log has been metered, over all tenants', appMay: [] },
  usage_flushes: { why: 'which batches of counts each run of a node has handed in', appMay: [] },
  purge_cursors: { why: 'how far caches in front have been told, over all tenants', appMay: [] },
};

/** Uniqueness across tenants tells one tenant that another has a value: each such index needs a reason. */
export const GLOBALLY_UNIQUE: Readonly<Record<string, string>> = {
  tenants_slug_key: 'short names stand in URLs, and the operator gives them',
  keys_sha256_key: 'a key is looked up before its tenant is known; digests of 256 random bits cannot be tried',
  keys_previous_sha256_key: 'the same',
  sessions_sha256_key: 'a session is looked up before its tenant is known; digests of 256 random bits cannot be tried',
  invitations_sha256_key: 'an invitation is looked up before its tenant is known; digests of 256 random bits',
  originals_object_key_key: 'objects of all tenants lie in one store; keys are fresh and random',
  renditions_object_key_key: 'objects of all tenants lie in one store; keys are fresh and random',
  upload_tokens_sha256_key:
    'a token is looked up before its tenant is known; digests of 256 random bits cannot be tried',
  uploads_object_key_key: 'objects of all tenants lie in one store; keys are fresh and random',
  upload_parts_object_key_key: 'objects of all tenants lie in one store; keys are fresh and random',
  pyramids_object_key_key: 'objects of all tenants lie in one store; keys are fresh and random',
  domains_by_host: 'a proved host leads to one tenant alone; whom it belongs to is in the DNS for all to see',
  events_log_position_key: 'one log over all tenants; only the sealer gives positions',
};

/** Functions that run with their owner's rights, past the caller's walls: each needs a reason. */
export const DEFINER_FUNCTIONS: Readonly<Record<string, string>> = {
  wake_parked_nodes: 'a tenant’s transaction must reach nodes that wait; it sees and returns no row of anybody',
  hold_stored_bytes: 'a tenant’s transaction sees where the meter stands; it tells that tenant’s own sum alone',
  pass_live_lane: 'a job is leased as it is made only if nobody else’s waits; it tells that one bit',
};

interface TableFacts {
  readonly name: string;
  readonly owner: string;
  readonly enabled: boolean;
  readonly forced: boolean;
  readonly key: readonly string[] | null;
  readonly tenant_type: string | null;
  readonly policies: readonly string[];
  readonly app_may: readonly string[];
  readonly public_may: boolean;
}

// Everything that can hold a row of a tenant; `c.oid::regclass` would hide the schema.
const TABLES = `
  SELECT c.relname AS name, c.relowner::regrole::text AS owner, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
    (SELECT array_agg(a.attname::text ORDER BY k.place)
       FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place), pg_attribute a
      WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.attnum) AS key,
    (SELECT format_type(a.atttypid, a.atttypmod) || ' ' || l.collname || CASE WHEN a.attnotnull THEN '' ELSE ' NULL' END
       FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation
      WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS tenant_type,
    (SELECT coalesce(array_agg(format('%s %s %s to %s using %s check %s', p.permissive, p.policyname, p.cmd, p.roles::text,
        replace(p.qual, 'safelight.', ''), replace(p.with_check, 'safelight.', '')) ORDER BY p.policyname), '{}')
       FROM pg_policies p WHERE p.schemaname = 'safelight' AND p.tablename = c.relname) AS policies,
    (SELECT coalesce(array_agg(verb), '{}') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS verb
      WHERE has_table_privilege('safelight_app', c.oid, verb)
        OR CASE WHEN verb IN ('SELECT', 'INSERT', 'UPDATE') THEN has_any_column_privilege('safelight_app', c.oid, verb) END) AS app_may,
    EXISTS (SELECT FROM aclexplode(c.relacl) g WHERE g.grantee = 0) AS public_may
  FROM pg_class c
  WHERE c.relnamespace = 'safelight'::regnamespace AND c.relkind IN ('r', 'p', 'f')
  ORDER BY c.relname`;

const POLICIES = [
  'PERMISSIVE owner ALL to {safelight_owner} using true check true',
  'PERMISSIVE system ALL to {safelight_system} using true check true',
];
const TENANT_POLICY =
  'PERMISSIVE tenant ALL to {safelight_app} using (tenant_id = current_tenant()) check (tenant_id = current_tenant())';

/** Every place at which one tenant could see, touch or infer another's rows; empty when the walls stand. */
export async function gapsInWalls(client: pg.Client): Promise<string[]> {
  const tables = (await client.query<TableFacts>(TABLES)).rows;
  const gaps = tables.flatMap((table) =>
    table.name in SYSTEM_TABLES ? gapsOfSystemTable(table) : gapsOfTenantTable(table),
  );
  return [
    ...gaps,
    ...(await gapsInForeignKeys(client)),
    ...(await gapsInUniqueIndexes(client)),
    ...(await gapsInRoles(client)),
    ...(await gapsPastTables(client)),
  ];
}

/** Tables whose rows each belong to a tenant. */
export async function tenantTables(client: pg.Client): Promise<{ name: string; appMay: readonly string[] }[]> {
  const { rows } = await client.query<TableFacts>(TABLES);
  return rows.filter(({ name }) => !(name in SYSTEM_TABLES)).map(({ name, app_may }) => ({ name, appMay: app_may }));
}

function gapsOfTenantTable(table: TableFacts): string[] {
  const gaps: string[] = [];
  const instead = `CALL put_up_walls('${table.name}') in its migration, or give a reason in SYSTEM_TABLES`;
  if (!table.enabled || !table.forced) gaps.push(`row security is not enabled and forced: ${instead}`);
  if (!sameTexts(table.policies, [...POLICIES, TENANT_POLICY]))
    gaps.push(`policies are [${table.policies.join('; ')}]: ${instead}`);
  if (table.owner !== 'safelight_owner') gaps.push(`belongs to ${table.owner}: ${instead}`);
  if (table.public_may) gaps.push(`PUBLIC may use it: ${instead}`);
  if (table.key?.[0] !== 'tenant_id') gaps.push('the primary key does not begin with tenant_id');
  if (table.tenant_type !== 'text C')
    gaps.push(`tenant_id is ${table.tenant_type ?? 'missing'}, not text COLLATE "C" NOT NULL`);
  if (table.app_may.includes('TRUNCATE')) gaps.push('safelight_app may TRUNCATE, which no policy stops');
  return gaps.map((gap) => `table ${table.name}: ${gap}`);
}

function gapsOfSystemTable(table: TableFacts): string[] {
  const gaps: string[] = [];
  const allowed = SYSTEM_TABLES[table.name]?.appMay ?? [];
  if (table.tenant_type !== null) gaps.push('has a tenant_id, so it is no system table');
  if (!sameTexts(table.app_may, allowed)) gaps.push(`safelight_app may [${table.app_may}], not [${allowed}]`);
  if (table.public_may) gaps.push('PUBLIC may use it');
  // What the app cannot reach needs no policy for it; what it can read is for everybody.
  if (allowed.length === 0 && !(table.enabled && table.forced && sameTexts(table.policies, POLICIES))) {
    gaps.push(`row security is not forced with the policies of owner and system alone: [${table.policies.join('; ')}]`);
  }
  return gaps.map((gap) => `system table ${table.name}: ${gap}`);
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text) => b.includes(text));
}

/** References between tenants' tables carry the tenant: row security does not apply to the checks of foreign keys. */
async function gapsInForeignKeys(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; child: string; own: string; other: string; target: string }>(`
    SELECT k.conname AS name, k.conrelid::regclass::text AS child, a.attname AS own, b.attname AS other, t.relname AS target
    FROM pg_constraint k
    JOIN pg_class t ON t.oid = k.confrelid
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
    JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = k.confkey[1]
    WHERE k.contype = 'f' AND k.connamespace = 'safelight'::regnamespace`);
  return rows
    .filter(({ own, other, target }) => own !== 'tenant_id' || other !== 'tenant_id' || target in SYSTEM_TABLES)
    .map(
      ({ name, child, own, other }) =>
        `foreign key ${name} of ${child}: begins with ${own} → ${other}, not with tenant_id`,
    );
}

async function gapsInUniqueIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; table: string; first: string | null }>(`
    SELECT c.relname AS name, t.relname AS table,
      (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = i.indkey[0]) AS first
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = 'safelight'::regnamespace AND i.indisunique`);
  const global = rows.filter(({ table, first }) => !(table in SYSTEM_TABLES) && first !== 'tenant_id');
  const unexplained = global.filter(({ name }) => !(name in GLOBALLY_UNIQUE));
  const stale = Object.keys(GLOBALLY_UNIQUE).filter((name) => !global.some((index) => index.name === name));
  return [
    ...unexplained.map(
      ({ name, table }) =>
        `unique index ${name} of ${table}: does not begin with tenant_id, and GLOBALLY_UNIQUE gives no reason`,
    ),
    ...stale.map((name) => `GLOBALLY_UNIQUE: ${name} is no index any more`),
  ];
}

/** No role may step around the policies, and the app's may become no other. */
async function gapsInRoles(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ gap: string }>(`
    SELECT format('role %s: is a superuser or has BYPASSRLS', rolname) AS gap FROM pg_roles
     WHERE rolname LIKE 'safelight\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole)
    UNION ALL
    SELECT format('role %s: is a member of %s', member.rolname, granted.rolname)
      FROM pg_roles member, pg_roles granted
     WHERE member.rolname LIKE 'safelight\\_%' AND granted.rolname <> member.rolname
       AND pg_has_role(member.oid, granted.oid, 'MEMBER')
       AND (member.rolname, granted.rolname) NOT IN (('safelight_service', 'safelight_app'), ('safelight_service', 'safelight_system'))`);
  return rows.map(({ gap }) => gap);
}

/** Views run as their owner unless told otherwise, materialized ones have no walls, and definer functions pass them. */
async function gapsPastTables(client: pg.Client): Promise<string[]> {
  const { rows: views } = await client.query<{ name: string }>(`
    SELECT relname AS name FROM pg_class
    WHERE relnamespace = 'safelight'::regnamespace
      AND (relkind = 'm' OR relkind = 'v' AND NOT coalesce(reloptions, '{}') && ARRAY['security_invoker=true', 'security_invoker=on'])`);
  const { rows: definers } = await client.query<{ name: string; path: boolean; everybody: boolean }>(`
    SELECT proname AS name, coalesce(proconfig, '{}')::text LIKE '%search_path=%' AS path,
      has_function_privilege('public', oid, 'EXECUTE') AS everybody
    FROM pg_proc WHERE pronamespace = 'safelight'::regnamespace AND prosecdef`);
  return [
    ...views.map(({ name }) => `view ${name}: runs as its owner; create it WITH (security_invoker = true)`),
    ...definers.flatMap(({ name, path, everybody }) => [
      ...(name in DEFINER_FUNCTIONS
        ? []
        : [`function ${name}: is SECURITY DEFINER, and DEFINER_FUNCTIONS gives no reason`]),
      ...(path ? [] : [`function ${name}: is SECURITY DEFINER without a search_path of its own`]),
      ...(everybody ? [`function ${name}: is SECURITY DEFINER and PUBLIC may call it`] : []),
    ]),
  ];
}
