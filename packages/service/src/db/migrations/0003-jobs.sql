-- The queue: jobs, every tenant's account in each lane, the lanes' clocks, and the nodes that wait for work.

-- Gives each claim a place on the wheel by which the lanes share; a sequence, because no claim may wait for another.
CREATE SEQUENCE claim_tickets MINVALUE 0 START 0;

-- A lane's virtual time: the virtual start of the furthest job that was claimed from it. Sequences, because a row
-- would be locked until its claim commits. Two claims at once may set a clock back by what they hold; that only makes
-- the next newcomer's start a little earlier.
CREATE SEQUENCE lane_clock_live MINVALUE 0 START 0;
CREATE SEQUENCE lane_clock_normal MINVALUE 0 START 0;
CREATE SEQUENCE lane_clock_batch MINVALUE 0 START 0;

ALTER SEQUENCE claim_tickets OWNER TO safelight_owner;
ALTER SEQUENCE lane_clock_live OWNER TO safelight_owner;
ALTER SEQUENCE lane_clock_normal OWNER TO safelight_owner;
ALTER SEQUENCE lane_clock_batch OWNER TO safelight_owner;
GRANT USAGE ON SEQUENCE claim_tickets TO safelight_system;
GRANT SELECT ON SEQUENCE lane_clock_live, lane_clock_normal, lane_clock_batch TO safelight_app;
GRANT SELECT, UPDATE ON SEQUENCE lane_clock_live, lane_clock_normal, lane_clock_batch TO safelight_system;

CREATE FUNCTION lane_clock(lane text) RETURNS bigint
  LANGUAGE sql VOLATILE
  RETURN coalesce(
    CASE lane
      WHEN 'live' THEN pg_sequence_last_value('lane_clock_live'::regclass)
      WHEN 'normal' THEN pg_sequence_last_value('lane_clock_normal'::regclass)
      WHEN 'batch' THEN pg_sequence_last_value('lane_clock_batch'::regclass)
    END, 0);

-- The lanes in the order in which the claim with this ticket tries them: 90 : 9 : 1 first, in a wheel of a hundred,
-- spread evenly; nine of the ninety try `batch` second, so that 9 : 1 also holds while `live` is empty.
-- `laneOrder` in jobs/policy.ts says the same; a test holds them equal.
CREATE FUNCTION lane_order(ticket bigint) RETURNS text[]
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN CASE
    WHEN ticket % 100 = 50 THEN ARRAY['batch', 'live', 'normal']
    WHEN ticket % 100 % 11 = 5 THEN ARRAY['normal', 'live', 'batch']
    WHEN ticket % 10 = 9 THEN ARRAY['live', 'batch', 'normal']
    ELSE ARRAY['live', 'normal', 'batch']
  END;

-- What a tenant has been charged in a lane, in virtual microseconds: predicted cost divided by the tenant's weight.
CREATE TABLE tenant_lanes (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  lane text COLLATE "C" NOT NULL CHECK (lane IN ('live', 'normal', 'batch')),
  -- Where the tenant's next job starts, unless the lane's clock is already further.
  virtual_finish bigint NOT NULL CHECK (virtual_finish >= 0),
  -- All charges so far, less what was taken back.
  virtual_charged bigint NOT NULL,
  PRIMARY KEY (tenant_id, lane)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CALL put_up_walls('tenant_lanes');
GRANT SELECT, INSERT, UPDATE ON tenant_lanes TO safelight_app, safelight_system;
GRANT DELETE ON tenant_lanes TO safelight_system;

-- One delivery of work to a worker. A job that is done is deleted: its history is in the events.
CREATE TABLE jobs (
  tenant_id text COLLATE "C" NOT NULL,
  job_id text COLLATE "C" NOT NULL,
  original_id text COLLATE "C" NOT NULL,
  lane text COLLATE "C" NOT NULL CHECK (lane IN ('live', 'normal', 'batch')),
  state text COLLATE "C" NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'delayed', 'leased', 'dead')),
  solitary boolean NOT NULL DEFAULT false,
  attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  crashes smallint NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  expiries smallint NOT NULL DEFAULT 0 CHECK (expiries >= 0),
  virtual_start bigint NOT NULL CHECK (virtual_start >= 0),
  cost_micros bigint NOT NULL CHECK (cost_micros > 0),
  bytes_predicted bigint NOT NULL CHECK (bytes_predicted >= 0),
  lease_token bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  leased_by text COLLATE "C",
  -- Since when the job waits; for a delayed one, until when.
  ready_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  first_claimed_at timestamptz,
  died_at timestamptz,
  cause_code text,
  cause_message text,
  traceparent text CHECK (length(traceparent) <= 64),
  PRIMARY KEY (tenant_id, job_id),
  FOREIGN KEY (tenant_id, original_id) REFERENCES originals,
  CHECK ((state = 'leased') = (lease_until IS NOT NULL)),
  CHECK ((state = 'leased') = (leased_by IS NOT NULL)),
  CHECK ((state = 'dead') = (died_at IS NOT NULL)),
  CHECK (state <> 'dead' OR cause_code IS NOT NULL)
) WITH (
  fillfactor = 80,
  -- Every job leaves dead rows at the head of the queue: vacuum by their number, not by the length of the queue, and
  -- never give the file back, which would lock out the claims.
  autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.05,
  autovacuum_vacuum_cost_delay = 0, vacuum_truncate = false
);

-- No column statistics: what a queue holds at the moment of an ANALYZE says nothing about the next minute. A tenant who
-- had one job then and has a million now would be scanned for each of them. Without, plans follow the file's size.
ALTER TABLE jobs
  ALTER tenant_id SET STATISTICS 0, ALTER job_id SET STATISTICS 0, ALTER original_id SET STATISTICS 0,
  ALTER lane SET STATISTICS 0, ALTER state SET STATISTICS 0, ALTER virtual_start SET STATISTICS 0,
  ALTER lease_token SET STATISTICS 0, ALTER lease_until SET STATISTICS 0, ALTER leased_by SET STATISTICS 0,
  ALTER ready_at SET STATISTICS 0, ALTER died_at SET STATISTICS 0;

-- At most one job of an original that no node has claimed yet: that one takes up further renditions. Jobs that were
-- claimed and came back stand beside it under their own id. Also serves the foreign key and deletion.
CREATE UNIQUE INDEX jobs_by_original ON jobs
  (tenant_id, original_id, (CASE WHEN lease_token = 0 THEN '' ELSE job_id END));
-- The order of claims.
CREATE INDEX jobs_queued ON jobs (lane, virtual_start, job_id) WHERE state = 'queued';
-- As few as workers exist; without lease_until, so that renewals stay heap-only updates.
CREATE INDEX jobs_leased ON jobs (leased_by) WHERE state = 'leased';
CREATE INDEX jobs_delayed ON jobs (ready_at) WHERE state = 'delayed';
CREATE INDEX jobs_dead ON jobs (tenant_id, died_at DESC, job_id) WHERE state = 'dead';
CALL put_up_walls('jobs');
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs TO safelight_app, safelight_system;

-- Below its floor a lane holds no waiting job, only the dead index entries of claimed ones, so claims begin there.
-- The floor follows the clock two to four seconds behind, longer than an enqueueing transaction lasts; jobs of slower
-- ones are lifted to it. The system's own: no tenant's row.
CREATE TABLE lane_floors (
  lane text COLLATE "C" PRIMARY KEY CHECK (lane IN ('live', 'normal', 'batch')),
  floor bigint NOT NULL DEFAULT 0,
  clock_noted bigint NOT NULL DEFAULT 0,
  noted_at timestamptz NOT NULL DEFAULT '-infinity',
  next_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO lane_floors (lane) VALUES ('live'), ('normal'), ('batch');

-- Nodes that found nothing to claim and want to be told. The system's own; worthless after a crash, hence unlogged.
CREATE UNLOGGED TABLE parked_nodes (
  node_id text COLLATE "C" PRIMARY KEY,
  parked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

DO $$
DECLARE
  target text;
BEGIN
  FOREACH target IN ARRAY ARRAY['lane_floors', 'parked_nodes'] LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO safelight_owner', target);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('CREATE POLICY owner ON %I TO safelight_owner USING (true) WITH CHECK (true)', target);
    EXECUTE format('CREATE POLICY system ON %I TO safelight_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', target);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO safelight_system', target);
  END LOOP;
END
$$;

-- Leases up to `jobs_max` jobs to `node` in fair order.
-- A function for its SET clauses: whatever the statistics say, and however old a session's cached plan, the scan is
-- jobs_queued from the floor upwards. Measured without them: a plan made while the queue was empty sorted a million
-- rows per claim until the next ANALYZE.
-- WHERE CURRENT OF updates the very row version that was locked, by its address: no look-up that could be planned badly.
CREATE FUNCTION claim_jobs(node text, jobs_max integer, lease interval) RETURNS SETOF jobs
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
    SELECT j.job_id FROM jobs j
    WHERE j.state = 'queued' AND j.lane = lane_tried AND j.virtual_start >= start_min
    ORDER BY j.virtual_start, j.job_id
    LIMIT wanted
    FOR UPDATE SKIP LOCKED;
  lane_now text;
  wanted_now integer := jobs_max;
  start_last bigint;
  claimed jobs;
BEGIN
  FOREACH lane_now IN ARRAY lane_order(nextval('claim_tickets')) LOOP
    start_last := -1;
    FOR ignored IN picked(lane_now, (SELECT f.floor FROM lane_floors f WHERE f.lane = lane_now), wanted_now) LOOP
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
    IF start_last > lane_clock(lane_now) THEN
      PERFORM setval(('lane_clock_' || lane_now)::regclass, start_last);
    END IF;
    EXIT WHEN wanted_now = 0;
  END LOOP;
END
$$;

-- Raises each lane's floor to what its clock showed two seconds ago, and lifts jobs that were committed below it.
-- A clock that went back (restored without its sequences) takes the floor along. Lifting walks the dead entries below
-- the floor, so it spends at most a twentieth of the time when a long snapshot keeps vacuum from removing them.
CREATE FUNCTION raise_lane_floors() RETURNS integer
  LANGUAGE plpgsql
  SET search_path = safelight, pg_temp
  SET enable_seqscan = off
  SET enable_bitmapscan = off
  SET enable_sort = off
  SET plan_cache_mode = force_generic_plan
  SET jit = off
AS $$
DECLARE
  below CURSOR (lane_low text, start_min bigint) FOR
    SELECT j.job_id FROM jobs j
    WHERE j.state = 'queued' AND j.lane = lane_low AND j.virtual_start < start_min
    ORDER BY j.virtual_start, j.job_id
    FOR UPDATE SKIP LOCKED;
  raised lane_floors;
  begun timestamptz;
  lifted integer := 0;
BEGIN
  FOR raised IN
    SELECT * FROM lane_floors f
    WHERE (f.next_at <= clock_timestamp() OR f.noted_at > clock_timestamp())
      AND NOT (f.floor = f.clock_noted AND f.clock_noted = lane_clock(f.lane))
    FOR UPDATE SKIP LOCKED
  LOOP
    begun := clock_timestamp();
    raised.floor := least(raised.clock_noted, lane_clock(raised.lane));
    FOR ignored IN below(raised.lane, raised.floor) LOOP
      UPDATE jobs SET virtual_start = raised.floor WHERE CURRENT OF below;
      lifted := lifted + 1;
    END LOOP;
    UPDATE lane_floors f SET
      floor = raised.floor,
      clock_noted = lane_clock(f.lane),
      noted_at = begun,
      next_at = clock_timestamp() + greatest(interval '2 s', 20 * (clock_timestamp() - begun))
    WHERE f.lane = raised.lane;
  END LOOP;
  RETURN lifted;
END
$$;

-- Tells up to `nodes_max` parked nodes, the last to park first, since it is the likeliest to live. Each is told once,
-- and nobody is notified when nobody is parked: a NOTIFY in every commit costs two thirds of the inserts.
-- Runs as the owner because a tenant's transaction must reach the system's table: it can do no more than this.
CREATE FUNCTION wake_parked_nodes(nodes_max bigint) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = safelight, pg_temp
AS $$
DECLARE
  woken integer;
BEGIN
  WITH chosen AS MATERIALIZED (
    SELECT node_id FROM parked_nodes ORDER BY parked_at DESC LIMIT nodes_max FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM parked_nodes p USING chosen c WHERE p.node_id = c.node_id RETURNING p.node_id
  )
  SELECT count(*) INTO woken FROM (SELECT pg_notify('safelight_jobs', node_id) FROM gone) AS told;
  RETURN woken;
END
$$;
ALTER FUNCTION wake_parked_nodes(bigint) OWNER TO safelight_owner;

REVOKE EXECUTE ON FUNCTION claim_jobs(text, integer, interval), raise_lane_floors(), wake_parked_nodes(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_jobs(text, integer, interval), raise_lane_floors() TO safelight_system;
GRANT EXECUTE ON FUNCTION wake_parked_nodes(bigint) TO safelight_app, safelight_system;

-- The queue's figures per lane, at a cost that does not grow with its length: at most `sample` jobs of each kind are
-- read. `backlog_micros` is the work that waits beyond the clock, from the accounts: in fair order a tenant's waiting
-- jobs fill the virtual time from the lane's clock to the tenant's finish.
CREATE FUNCTION count_jobs(sample integer)
  RETURNS TABLE (
    lane text, queued bigint, queued_micros bigint, oldest_seconds double precision, backlog_micros bigint,
    delayed bigint, leased bigint, dead bigint
  )
  LANGUAGE plpgsql
  SET search_path = safelight, pg_temp
  SET enable_seqscan = off
  SET enable_bitmapscan = off
  SET enable_sort = off
  SET plan_cache_mode = force_generic_plan
  SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  FOREACH lane IN ARRAY ARRAY['live', 'normal', 'batch'] LOOP
    SELECT count(*), coalesce(sum(h.cost_micros), 0), coalesce(extract(epoch FROM clock_timestamp() - min(h.ready_at)), 0)
    INTO queued, queued_micros, oldest_seconds
    FROM (
      SELECT j.cost_micros, j.ready_at FROM jobs j
      WHERE j.state = 'queued' AND j.lane = count_jobs.lane
        AND j.virtual_start >= (SELECT f.floor FROM lane_floors f WHERE f.lane = count_jobs.lane)
      ORDER BY j.virtual_start, j.job_id LIMIT sample
    ) AS h;
    SELECT coalesce(sum((a.virtual_finish - lane_clock(count_jobs.lane)) * t.weight::float8), 0) INTO backlog_micros
    FROM tenant_lanes a JOIN tenants t ON t.tenant_id = a.tenant_id
    WHERE a.lane = count_jobs.lane AND a.virtual_finish > lane_clock(count_jobs.lane);
    SELECT count(*) FILTER (WHERE o.state = 'delayed'), count(*) FILTER (WHERE o.state = 'leased'),
      count(*) FILTER (WHERE o.state = 'dead')
    INTO delayed, leased, dead
    FROM (
      (SELECT j.state, j.lane FROM jobs j WHERE j.state = 'delayed' LIMIT sample)
      UNION ALL (SELECT j.state, j.lane FROM jobs j WHERE j.state = 'leased' LIMIT sample)
      UNION ALL (SELECT j.state, j.lane FROM jobs j WHERE j.state = 'dead' LIMIT sample)
    ) AS o
    WHERE o.lane = count_jobs.lane;
    RETURN NEXT;
  END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION count_jobs(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_jobs(integer) TO safelight_system;
