-- compatible: what older nodes render, store and deliver while they still run goes uncounted, in the customer's favour
-- Usage: what each tenant used by the hour, the prices that held, and budgets.

-- How often a rendition was charged: it may be lost and made again, for nothing.
ALTER TABLE renditions ADD charges smallint NOT NULL DEFAULT 0;

-- A row for each hour in which something happened. Sums alone, so that whatever comes late is added like the rest.
-- No foreign keys here and below: what was used outlives the tenant.
CREATE TABLE usage_hours (
  tenant_id text COLLATE "C" NOT NULL,
  hour timestamptz NOT NULL,
  requests bigint NOT NULL DEFAULT 0,
  bytes_in bigint NOT NULL DEFAULT 0,
  bytes_out bigint NOT NULL DEFAULT 0,
  renders bigint NOT NULL DEFAULT 0,
  render_cpu_ms bigint NOT NULL DEFAULT 0,
  pixels bigint NOT NULL DEFAULT 0,
  -- Stored bytes that came, less those that went, within the hour.
  stored_bytes bigint NOT NULL DEFAULT 0,
  -- The same, each times the milliseconds from its change to the end of the hour: more than 64 bits hold.
  stored_byte_ms numeric NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, hour)
) WITH (fillfactor = 80);
CALL put_up_walls('usage_hours');
GRANT SELECT ON usage_hours TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_hours TO safelight_system;

-- Stored bytes that came, less those that went, by the month: what stood at any hour is found from a few rows.
CREATE TABLE usage_months (
  tenant_id text COLLATE "C" NOT NULL,
  month timestamptz NOT NULL,
  stored_bytes bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, month)
) WITH (fillfactor = 80);
CALL put_up_walls('usage_months');
GRANT SELECT ON usage_months TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_months TO safelight_system;

-- What each run of a node counted: the raw record of what no event tells.
CREATE TABLE usage_node_hours (
  tenant_id text COLLATE "C" NOT NULL,
  hour timestamptz NOT NULL,
  boot_id text COLLATE "C" NOT NULL,
  requests bigint NOT NULL DEFAULT 0,
  bytes_in bigint NOT NULL DEFAULT 0,
  bytes_out bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, hour, boot_id)
) WITH (fillfactor = 80);
CALL put_up_walls('usage_node_hours');
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_node_hours TO safelight_system;

-- Stored bytes that the meter did not see come or go: what stood before it began, and what was mended later.
CREATE TABLE usage_corrections (
  tenant_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  stored_bytes bigint NOT NULL,
  PRIMARY KEY (tenant_id, at)
);
CALL put_up_walls('usage_corrections');
GRANT SELECT, INSERT, DELETE ON usage_corrections TO safelight_system;

-- Which prices hold for a tenant from an hour on: written once, so that a later change rewrites no history.
CREATE TABLE usage_prices (
  tenant_id text COLLATE "C" NOT NULL,
  from_hour timestamptz NOT NULL,
  plan text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  prices jsonb NOT NULL,
  PRIMARY KEY (tenant_id, from_hour)
);
CALL put_up_walls('usage_prices');
GRANT SELECT ON usage_prices TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON usage_prices TO safelight_system;

-- A tenant's ceiling for a calendar month in UTC, and what is known of the month under way.
CREATE TABLE budgets (
  tenant_id text COLLATE "C" PRIMARY KEY,
  soft_micros bigint CHECK (soft_micros >= 0),
  hard_micros bigint CHECK (hard_micros >= 0),
  -- What follows is of this month.
  month timestamptz NOT NULL DEFAULT '-infinity',
  -- The hours before this one are counted up, and nothing comes to them any more.
  closed_until timestamptz NOT NULL DEFAULT '-infinity',
  closed_micros bigint NOT NULL DEFAULT 0,
  -- Cost as far as it is metered, stored bytes reserved to the month's end.
  metered_micros bigint NOT NULL DEFAULT 0,
  metered_at timestamptz NOT NULL DEFAULT '-infinity',
  -- Predicted cost of jobs that are not metered yet.
  reserved_micros bigint NOT NULL DEFAULT 0,
  -- By these, in millionths: what a reservation costs.
  render_second bigint NOT NULL DEFAULT 0,
  megapixel bigint NOT NULL DEFAULT 0,
  gb_month_stored bigint NOT NULL DEFAULT 0,
  -- The months for which somebody was told.
  soft_told timestamptz,
  hard_told timestamptz
) WITH (fillfactor = 50);
CALL put_up_walls('budgets');
GRANT SELECT, INSERT, UPDATE ON budgets TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON budgets TO safelight_system;
CREATE INDEX budgets_by_age ON budgets (metered_at);

-- What a job has reserved of its tenant's budget; 0 where there is none, and then nothing below runs.
ALTER TABLE jobs ADD reserved_micros bigint NOT NULL DEFAULT 0;

-- Reservations of jobs that have ended, until the meter has seen what they cost: nothing is in neither.
CREATE TABLE budget_releases (
  tenant_id text COLLATE "C" NOT NULL,
  release_id bigint GENERATED ALWAYS AS IDENTITY,
  -- Its events are sealed and metered before it is let go.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  micros bigint NOT NULL,
  PRIMARY KEY (tenant_id, release_id)
);
CALL put_up_walls('budget_releases');
GRANT INSERT (tenant_id, micros) ON budget_releases TO safelight_app, safelight_system;
GRANT SELECT, DELETE ON budget_releases TO safelight_system;

-- However a job ends: done, given up, cancelled, or gone with its tenant.
CREATE FUNCTION release_reservation() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = safelight, pg_temp
AS $$
BEGIN
  INSERT INTO budget_releases (tenant_id, micros) VALUES (OLD.tenant_id, OLD.reserved_micros);
  RETURN NULL;
END
$$;
ALTER FUNCTION release_reservation() OWNER TO safelight_owner;
CREATE TRIGGER release_reservation AFTER DELETE ON jobs
  FOR EACH ROW WHEN (OLD.reserved_micros > 0 AND OLD.state <> 'dead') EXECUTE FUNCTION release_reservation();
CREATE TRIGGER release_reservation_of_dead AFTER UPDATE OF state ON jobs
  FOR EACH ROW WHEN (OLD.reserved_micros > 0 AND NEW.state = 'dead' AND OLD.state <> 'dead')
  EXECUTE FUNCTION release_reservation();

-- A dead job that is tried again takes its reservation again.
CREATE FUNCTION renew_reservation() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = safelight, pg_temp
AS $$
BEGIN
  UPDATE budgets SET reserved_micros = reserved_micros + OLD.reserved_micros WHERE tenant_id = OLD.tenant_id;
  RETURN NULL;
END
$$;
ALTER FUNCTION renew_reservation() OWNER TO safelight_owner;
CREATE TRIGGER renew_reservation AFTER UPDATE OF state ON jobs
  FOR EACH ROW WHEN (OLD.reserved_micros > 0 AND OLD.state = 'dead' AND NEW.state <> 'dead')
  EXECUTE FUNCTION renew_reservation();

-- One row: how far the log has been metered, over all tenants.
CREATE TABLE usage_cursor (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  log_position bigint NOT NULL,
  -- Where the meter began.
  first_position bigint NOT NULL,
  -- When the last event that was metered happened.
  events_until timestamptz NOT NULL DEFAULT '-infinity',
  -- When it was last seen at the end of the log.
  caught_up_at timestamptz NOT NULL DEFAULT '-infinity',
  priced_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);
INSERT INTO usage_cursor (log_position, first_position) SELECT log_position, log_position FROM sealer_state;

-- The last batch that each run of a node has handed in: a batch that comes again changes nothing.
CREATE TABLE usage_flushes (
  boot_id text COLLATE "C" PRIMARY KEY,
  sequence bigint NOT NULL,
  flushed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

DO $$
DECLARE
  target text;
BEGIN
  FOREACH target IN ARRAY ARRAY['usage_cursor', 'usage_flushes'] LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO safelight_owner', target);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY owner ON %I TO safelight_owner USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY system ON %I TO safelight_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO safelight_system', target);
  END LOOP;
END
$$;

-- What stands already, from now on. Events still unsealed carry no bytes: their builds told none.
INSERT INTO usage_corrections (tenant_id, at, stored_bytes)
SELECT tenant_id, now(), sum(bytes) FROM (
  SELECT tenant_id, bytes FROM originals
  UNION ALL SELECT tenant_id, bytes FROM renditions WHERE bytes IS NOT NULL
  UNION ALL SELECT tenant_id, bytes FROM pyramids WHERE bytes IS NOT NULL
) AS stored GROUP BY tenant_id HAVING sum(bytes) > 0;
INSERT INTO usage_hours (tenant_id, hour, stored_bytes, stored_byte_ms)
SELECT tenant_id, date_trunc('hour', at, 'UTC'), stored_bytes,
  stored_bytes * extract(epoch FROM date_trunc('hour', at, 'UTC') + interval '1 hour' - at) * 1000
FROM usage_corrections;
INSERT INTO usage_months (tenant_id, month, stored_bytes)
SELECT tenant_id, date_trunc('month', at, 'UTC'), stored_bytes FROM usage_corrections;
