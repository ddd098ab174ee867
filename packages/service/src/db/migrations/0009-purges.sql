-- How far a cache in front of the installation (a CDN) has been told what to drop: once as soon as it happened, and
-- once more when no node can have answered the old any longer. A row for each pass, so that a crash repeats and never
-- skips. It belongs to no tenant: positions are those of the log over all tenants.
CREATE TABLE purge_cursors (
  pass text COLLATE "C" PRIMARY KEY CHECK (pass IN ('at_once', 'settled')),
  -- Null until the first who follows: what happened before there was a cache to tell needs no telling.
  log_position bigint,
  holder text COLLATE "C",
  lease_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 10);
INSERT INTO purge_cursors (pass) VALUES ('at_once'), ('settled');

ALTER TABLE purge_cursors OWNER TO safelight_owner;
ALTER TABLE purge_cursors ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON purge_cursors TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON purge_cursors TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON purge_cursors FROM PUBLIC;
GRANT SELECT, UPDATE ON purge_cursors TO safelight_system;
