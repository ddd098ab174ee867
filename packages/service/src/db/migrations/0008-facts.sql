-- Facts of an original besides its header: what it looks like, and where it was taken.

-- Whether positions that cameras write into pictures are kept here; the original itself is never changed.
ALTER TABLE tenants ADD keeps_location boolean NOT NULL DEFAULT false;

-- From the pixels, by the first job that decodes them; an original whose decode failed has none.
CREATE TABLE looks (
  tenant_id text COLLATE "C" NOT NULL,
  original_id text COLLATE "C" NOT NULL,
  -- '#rrggbb', most of the picture first; empty when nothing of it can be seen.
  palette text[] NOT NULL CHECK (cardinality(palette) <= 6),
  thumbhash bytea NOT NULL CHECK (length(thumbhash) BETWEEN 5 AND 32),
  blurhash text NOT NULL CHECK (length(blurhash) BETWEEN 6 AND 64),
  -- pHash.
  perceptual_hash bytea NOT NULL CHECK (length(perceptual_hash) = 8),
  opaque boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, original_id),
  FOREIGN KEY (tenant_id, original_id) REFERENCES originals ON DELETE CASCADE
);
CALL put_up_walls('looks');
GRANT SELECT ON looks TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON looks TO safelight_system;

-- Of tenants that keep it, alone: a table of its own, so that all of it can be dropped at once.
CREATE TABLE locations (
  tenant_id text COLLATE "C" NOT NULL,
  original_id text COLLATE "C" NOT NULL,
  -- Degrees, WGS 84.
  latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
  longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
  altitude_metres double precision,
  PRIMARY KEY (tenant_id, original_id),
  FOREIGN KEY (tenant_id, original_id) REFERENCES originals ON DELETE CASCADE
);
CALL put_up_walls('locations');
GRANT SELECT, INSERT, DELETE ON locations TO safelight_app, safelight_system;
