-- Open URLs: keys that sign them, what may be asked for unsigned, and jobs that are leased as they are made.

-- What a tenant's URLs may ask for without a signature: presets alone, or any transformation.
ALTER TABLE tenants ADD unsigned_urls text COLLATE "C" NOT NULL DEFAULT 'presets'
  CHECK (unsigned_urls IN ('presets', 'open'));

-- The newest that is not retired signs, all that are not retired verify. The service alone reads them.
CREATE TABLE url_keys (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  key_id text COLLATE "C" NOT NULL,
  secret bytea NOT NULL CHECK (length(secret) = 32),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  retired_at timestamptz,
  PRIMARY KEY (tenant_id, key_id)
);
INSERT INTO url_keys (tenant_id, key_id, secret, created_at)
SELECT tenant_id, 'urk_' || substr(tenant_id, 5), url_secret, created_at FROM tenants;
CALL put_up_walls('url_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON url_keys TO safelight_system;

-- A tenant is never without a key, whichever build makes it.
CREATE FUNCTION give_url_key() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = safelight, pg_temp
AS $$
BEGIN
  INSERT INTO url_keys (tenant_id, key_id, secret)
  VALUES (NEW.tenant_id, 'urk_' || substr(NEW.tenant_id, 5), NEW.url_secret);
  RETURN NULL;
END
$$;
ALTER FUNCTION give_url_key() OWNER TO safelight_owner;
REVOKE EXECUTE ON FUNCTION give_url_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION give_url_key() TO safelight_system;
CREATE TRIGGER give_url_key AFTER INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION give_url_key();

-- A tenant's jobs that somebody waits for: counted before another is ordered by URL.
CREATE INDEX jobs_live ON jobs (tenant_id, job_id) WHERE lane = 'live' AND state <> 'dead';

-- Whether a job that starts at `start` is the next of the `live` lane, so that a claim by an idle worker would take it.
-- If it is, the lane's clock moves as by that claim. Runs as the owner because other tenants' jobs count: it tells one
-- bit, whether one of them waits.
CREATE FUNCTION pass_live_lane(start bigint) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = safelight, pg_temp
  SET enable_seqscan = off
  SET enable_bitmapscan = off
  SET enable_sort = off
  SET plan_cache_mode = force_generic_plan
  SET jit = off
AS $$
BEGIN
  IF EXISTS (
    SELECT FROM jobs j
    WHERE j.state = 'queued' AND j.lane = 'live' AND j.virtual_start <= start
      AND j.virtual_start >= (SELECT f.floor FROM lane_floors f WHERE f.lane = 'live')
  ) THEN
    RETURN false;
  END IF;
  IF start > lane_clock('live') THEN
    PERFORM setval('lane_clock_live', start);
  END IF;
  RETURN true;
END
$$;
ALTER FUNCTION pass_live_lane(bigint) OWNER TO safelight_owner;
REVOKE EXECUTE ON FUNCTION pass_live_lane(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pass_live_lane(bigint) TO safelight_app, safelight_system;
