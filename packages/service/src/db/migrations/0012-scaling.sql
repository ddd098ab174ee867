-- compatible: nodes of the schema before decide nothing and read none of this.

-- What the autoscaler decided, with everything that it saw: kept so that a person can see why the fleet had its size, and
-- so that a new leader knows when the last change was. Bounded by the leader. It belongs to no tenant.
CREATE TABLE scaling_decisions (
  decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Of the lease under which it was made.
  token bigint NOT NULL,
  node_id text COLLATE "C" NOT NULL,
  pool text COLLATE "C" NOT NULL CHECK (pool IN ('none', 'processes', 'kubernetes')),
  workers_before integer NOT NULL CHECK (workers_before >= 0),
  workers integer NOT NULL CHECK (workers >= 0),
  workers_needed integer NOT NULL CHECK (workers_needed >= 0),
  reason text COLLATE "C" NOT NULL,
  cut_by text[] NOT NULL,
  -- Null: never.
  drain_seconds double precision,
  observations jsonb NOT NULL,
  policy jsonb NOT NULL,
  -- Why the pool of machines did not take the order.
  failure text CHECK (length(failure) <= 500)
);
CREATE INDEX scaling_changes ON scaling_decisions (decision_id DESC) WHERE workers <> workers_before;

ALTER TABLE scaling_decisions OWNER TO safelight_owner;
ALTER TABLE scaling_decisions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON scaling_decisions TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON scaling_decisions TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON scaling_decisions FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON scaling_decisions TO safelight_system;
