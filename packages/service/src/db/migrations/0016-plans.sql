-- compatible: older nodes read none of this and make tenants with its defaults; suspend and delete once all are new
-- Plans and their versions, and what a tenant gains: plan, status, settings. Jobs of a suspended tenant are held.

-- What a tenant may use and what it pays, as it holds now. It belongs to no tenant: the operator's data.
CREATE TABLE plans (
  plan text COLLATE "C" PRIMARY KEY CHECK (plan ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  weight real NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1000),
  limits jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
  -- Null: every one, those of later builds as well.
  features text[],
  prices jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(prices) = 'object'),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every version that ever held, so that a month can be priced by what held in it.
CREATE TABLE plan_versions (
  plan text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  weight real NOT NULL,
  limits jsonb NOT NULL,
  features text[],
  prices jsonb NOT NULL,
  changed_at timestamptz NOT NULL,
  -- A key's id, or 'operator' at the command line.
  actor text COLLATE "C" NOT NULL,
  PRIMARY KEY (plan, version)
);

INSERT INTO plans (plan) VALUES ('unlimited');
INSERT INTO plan_versions SELECT plan, version, weight, limits, features, prices, changed_at, 'system' FROM plans;

DO $$
DECLARE
  target text;
BEGIN
  FOREACH target IN ARRAY ARRAY['plans', 'plan_versions'] LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO safelight_owner', target);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY owner ON %I TO safelight_owner USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY system ON %I TO safelight_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', target);
  END LOOP;
END
$$;
GRANT SELECT, INSERT, UPDATE ON plans TO safelight_system;
GRANT SELECT, INSERT ON plan_versions TO safelight_system;

-- `weight` stays the queue's truth: whoever gives a tenant a plan, or changes the plan, writes the plan's weight there.
ALTER TABLE tenants
  ADD display_name text CHECK (length(display_name) BETWEEN 1 AND 200),
  -- No reference: a check of one would look past the walls. Plans are never removed.
  ADD plan text COLLATE "C" NOT NULL DEFAULT 'unlimited',
  ADD status text COLLATE "C" NOT NULL DEFAULT 'active'
    CHECK (status IN ('active', 'suspended', 'deleting', 'deleted')),
  ADD status_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Whether what exists is delivered.
  ADD delivers boolean NOT NULL DEFAULT true,
  -- Only what differs from the defaults, which are the contract's.
  ADD settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object');
CREATE INDEX tenants_by_plan ON tenants (plan);
-- Those that somebody has to tend: few.
CREATE INDEX tenants_not_active ON tenants (status, tenant_id) WHERE status <> 'active';
CREATE INDEX tenants_with_retention ON tenants (tenant_id) WHERE settings ? 'retentionDays';

-- A held job waits for its tenant to be resumed, and stands in no index that a claim reads.
ALTER TABLE jobs DROP CONSTRAINT jobs_state_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_state_check CHECK (state IN ('queued', 'delayed', 'held', 'leased', 'dead'));
CREATE INDEX jobs_held ON jobs (tenant_id, lane, virtual_start, job_id) WHERE state = 'held';

-- As before, but a job whose tenant is not active is held instead of leased: one look-up by primary key for each job.
-- What is suspended is held in batches besides (jobs/hold.sql.ts); this catches what came in between, so that none is
-- claimed from the commit of the suspension on. After a round that held some another follows, so that the jobs of
-- others behind them do not wait; sixteen rounds at most, for a claim is to be short.
CREATE OR REPLACE FUNCTION claim_jobs(node text, jobs_max integer, lease interval) RETURNS SETOF jobs
  LANGUAGE plpgsql
  SET search_path = safelight, pg_temp
  SET enable_seqscan = off
  SET enable_bitmapscan = off
  SET enable_sort = off
  SET plan_cache_mode = force_generic_plan
  SET jit = off
AS $$
DECLARE
  picked CURSOR (lane_tried text, start_min bigint, wanted integer) FOR
    SELECT j.tenant_id, j.job_id FROM jobs j
    WHERE j.state = 'queued' AND j.lane = lane_tried AND j.virtual_start >= start_min
    ORDER BY j.virtual_start, j.job_id
    LIMIT wanted
    FOR UPDATE SKIP LOCKED;
  lane_now text;
  wanted_now integer := jobs_max;
  start_last bigint;
  claimed jobs;
  held integer;
  rounds integer := 0;
BEGIN
  FOREACH lane_now IN ARRAY lane_order(nextval('claim_tickets')) LOOP
    start_last := -1;
    LOOP
      held := 0;
      FOR next_job IN picked(lane_now, (SELECT f.floor FROM lane_floors f WHERE f.lane = lane_now), wanted_now) LOOP
        IF (SELECT t.status FROM tenants t WHERE t.tenant_id = next_job.tenant_id) <> 'active' THEN
          UPDATE jobs SET state = 'held' WHERE CURRENT OF picked;
          held := held + 1;
          CONTINUE;
        END IF;
        UPDATE jobs SET
          state = 'leased',
          lease_token = lease_token + 1,
          lease_until = clock_timestamp() + lease,
          leased_by = node,
          first_claimed_at = coalesce(first_claimed_at, clock_timestamp())
        WHERE CURRENT OF picked
        RETURNING * INTO claimed;
        wanted_now := wanted_now - 1;
        start_last := greatest(start_last, claimed.virtual_start);
        RETURN NEXT claimed;
      END LOOP;
      rounds := rounds + 1;
      EXIT WHEN held = 0 OR wanted_now = 0 OR rounds >= 16;
    END LOOP;
    IF start_last > lane_clock(lane_now) THEN
      PERFORM setval(('lane_clock_' || lane_now)::regclass, start_last);
    END IF;
    EXIT WHEN wanted_now = 0;
  END LOOP;
END
$$;
