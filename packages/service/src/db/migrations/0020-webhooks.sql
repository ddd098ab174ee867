-- compatible: older nodes tell no webhooks; the log keeps what happened until one does that can
-- Webhooks: where a tenant wants to be told what happens, what is still to be told, and what was.

CREATE TABLE webhooks (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants ON DELETE CASCADE,
  webhook_id text COLLATE "C" NOT NULL,
  url text NOT NULL CHECK (length(url) <= 2000),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 255),
  -- Types of events that it is told of; null: all.
  event_types text[] CHECK (cardinality(event_types) BETWEEN 1 AND 100),
  -- Signs what is told (HMAC-SHA-256); the one before still signs beside it until its time is over.
  secret bytea NOT NULL CHECK (length(secret) = 32),
  previous_secret bytea CHECK (length(previous_secret) = 32),
  previous_until timestamptz,
  state text COLLATE "C" NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
  disabled_cause text CHECK ((state = 'disabled') = (disabled_cause IS NOT NULL)),
  -- The first failure after the last success; null while it takes what it is told.
  failing_since timestamptz,
  failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
  -- After a failure it rests: a receiver that hangs is not asked for each message that waits for it.
  rests_until timestamptz NOT NULL DEFAULT '-infinity',
  -- One node tells it at a time, so that a receiver that hangs takes one place and not all.
  holder text COLLATE "C",
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, webhook_id),
  CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
) WITH (fillfactor = 50);
CALL put_up_walls('webhooks');
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks TO safelight_app, safelight_system;

-- One event for one webhook: its place in the queue, then its line in the log of deliveries.
CREATE TABLE webhook_deliveries (
  tenant_id text COLLATE "C" NOT NULL,
  webhook_id text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  -- Where the event stands in the tenant's log.
  position bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  next_at timestamptz NOT NULL DEFAULT now(),
  -- What the last attempt came to: the status of its answer, or why there was none.
  status integer,
  error text,
  took_ms integer,
  attempted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, webhook_id, event_id),
  FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, webhook_id, next_at, position) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at) WHERE state <> 'pending';
CREATE INDEX webhook_deliveries_by_position ON webhook_deliveries (tenant_id, webhook_id, position);
CALL put_up_walls('webhook_deliveries');
GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_deliveries TO safelight_app, safelight_system;

-- How far the log over all tenants has been handed to webhooks. It belongs to no tenant.
CREATE TABLE webhook_cursor (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  log_position bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO webhook_cursor (log_position) SELECT log_position FROM sealer_state;
ALTER TABLE webhook_cursor OWNER TO safelight_owner;
ALTER TABLE webhook_cursor ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON webhook_cursor TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON webhook_cursor TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON webhook_cursor FROM PUBLIC;
GRANT SELECT, UPDATE ON webhook_cursor TO safelight_system;
