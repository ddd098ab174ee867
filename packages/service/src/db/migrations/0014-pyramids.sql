-- Pyramids: a large picture once more, in tiles at several sizes, kept since somebody asked for an area of it.

CREATE TABLE pyramids (
  tenant_id text COLLATE "C" NOT NULL,
  original_id text COLLATE "C" NOT NULL,
  -- `refused`: it would be too long, or workers died of it; areas are made of the original.
  state text NOT NULL CHECK (state IN ('making', 'ready', 'refused')),
  -- Whose claim of which job makes it; when that is over, so is the making.
  job_id text COLLATE "C",
  job_token bigint,
  tries integer NOT NULL DEFAULT 1 CHECK (tries > 0),
  object_key text COLLATE "C" UNIQUE,
  sha256 bytea CHECK (length(sha256) = 32),
  bytes bigint CHECK (bytes > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, original_id),
  -- A build that knows nothing of pyramids deletes originals too; the janitor then finds the object.
  FOREIGN KEY (tenant_id, original_id) REFERENCES originals ON DELETE CASCADE,
  CHECK ((state = 'making') = (job_id IS NOT NULL AND job_token IS NOT NULL)),
  CHECK ((state = 'ready') = (object_key IS NOT NULL AND sha256 IS NOT NULL AND bytes IS NOT NULL))
);
CALL put_up_walls('pyramids');
GRANT SELECT, DELETE ON pyramids TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON pyramids TO safelight_system;
