-- Backups, and the scrub that reads every object again.

-- While one of these stands no object is removed, whatever became of its row: a backup is copying what an earlier moment
-- of the database names. Leased, so that a backup that dies holds nothing up for long.
CREATE TABLE removal_holds (
  hold_id text COLLATE "C" PRIMARY KEY,
  lease_until timestamptz NOT NULL
);
ALTER TABLE removal_holds OWNER TO safelight_owner;
ALTER TABLE removal_holds ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON removal_holds TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON removal_holds TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON removal_holds FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON removal_holds TO safelight_system;

-- How far the scrub has come: one that was broken off goes on from here.
CREATE TABLE scrub_progress (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  started_at timestamptz NOT NULL DEFAULT now(),
  -- Null: the last one came to its end.
  part text COLLATE "C" CHECK (part IN ('originals', 'renditions', 'pyramids')),
  -- The last row that was looked at, by its tenant and its id.
  after_tenant text COLLATE "C" NOT NULL DEFAULT '',
  after_id text COLLATE "C" NOT NULL DEFAULT '',
  objects bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO scrub_progress DEFAULT VALUES;
ALTER TABLE scrub_progress OWNER TO safelight_owner;
ALTER TABLE scrub_progress ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON scrub_progress TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON scrub_progress TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON scrub_progress FROM PUBLIC;
GRANT SELECT, UPDATE ON scrub_progress TO safelight_system;

-- Objects that are not what their rows say, until they are mended or the row is gone.
CREATE TABLE object_damages (
  tenant_id text COLLATE "C" NOT NULL,
  object_key text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL CHECK (kind IN ('original', 'rendition', 'pyramid')),
  damage text COLLATE "C" NOT NULL CHECK (damage IN ('missing', 'damaged')),
  -- The original that it is or was made of; of a rendition also its own id.
  original_id text COLLATE "C" NOT NULL,
  rendition_id text COLLATE "C",
  found_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, object_key),
  CHECK ((kind = 'rendition') = (rendition_id IS NOT NULL))
);
CALL put_up_walls('object_damages');
GRANT SELECT, INSERT, UPDATE, DELETE ON object_damages TO safelight_system;
