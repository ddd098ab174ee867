-- compatible: nodes of the schema before go on; they register nowhere and hold none of these leases.

-- The nodes that run, by their own word. A row without a heartbeat tells of a node that is gone. It belongs to no tenant.
CREATE TABLE nodes (
  node_id text COLLATE "C" PRIMARY KEY,
  -- One run of the node: a restart on the same data folder takes the row over.
  boot_id text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('starting', 'up', 'draining')),
  roles text[] NOT NULL,
  version text NOT NULL,
  -- Migrations that the node's build knows.
  schema_version integer NOT NULL CHECK (schema_version > 0),
  worker_processes integer NOT NULL CHECK (worker_processes >= 0),
  -- Predicted bytes of all jobs that may run on it at once.
  memory_bytes bigint NOT NULL CHECK (memory_bytes >= 0),
  host text NOT NULL,
  -- Where its API listens; null without that role, and before it listens.
  address text,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp()
  -- A heartbeat every two seconds: updates stay on their page.
) WITH (fillfactor = 50);

ALTER TABLE nodes OWNER TO safelight_owner;
ALTER TABLE nodes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON nodes TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON nodes TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON nodes FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON nodes TO safelight_system;

-- Who leads in what only one node may do at a time. The token grows with each holder: what an earlier one still tries to
-- write is refused by it. A row instead of an advisory lock, which a transaction-pooling proxy gives to another session.
CREATE TABLE role_leases (
  name text COLLATE "C" PRIMARY KEY,
  holder text COLLATE "C",
  token bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);

ALTER TABLE role_leases OWNER TO safelight_owner;
ALTER TABLE role_leases ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON role_leases TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON role_leases TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON role_leases FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON role_leases TO safelight_system;
