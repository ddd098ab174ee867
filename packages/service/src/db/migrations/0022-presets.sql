-- compatible: older nodes know the built-in presets alone, and order and serve those
-- Presets of a tenant's own: what its images are made into, by name.

CREATE TABLE presets (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,31}$' AND name <> 'original'),
  -- Grows with each transformation that the name is given; a built-in one has been version 1.
  version integer NOT NULL CHECK (version > 0),
  -- In canonical form.
  transformation text NOT NULL CHECK (length(transformation) <= 8000),
  -- Made with each upload, and anew of every picture when it changes; else when somebody asks for it.
  on_upload boolean NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  -- The pass over what was there when it changed: originals below `up_to`, in the order of their ids. Up to `ordered_to`
  -- they are ordered, up to `settled_to` they have ended and are counted.
  up_to text COLLATE "C" NOT NULL,
  ordered_to text COLLATE "C" NOT NULL DEFAULT '',
  settled_to text COLLATE "C" NOT NULL DEFAULT '',
  total bigint NOT NULL DEFAULT 0 CHECK (total >= 0),
  done bigint NOT NULL DEFAULT 0 CHECK (done >= 0),
  failed bigint NOT NULL DEFAULT 0 CHECK (failed >= 0),
  finished_at timestamptz,
  -- A second look at what came in while nodes still heard of the change; null when it is over.
  late_to text COLLATE "C",
  -- When the pass goes on; whose turn is longest ago comes first.
  turn_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
) WITH (fillfactor = 50);
CREATE INDEX presets_unfinished ON presets (turn_at) WHERE finished_at IS NULL OR late_to IS NOT NULL;
CALL put_up_walls('presets');
GRANT SELECT, INSERT, UPDATE, DELETE ON presets TO safelight_app, safelight_system;

-- What a name stood for before: still delivered where the new is not made yet, and by URLs that name the version.
CREATE TABLE former_presets (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  name text COLLATE "C" NOT NULL,
  version integer NOT NULL,
  transformation text NOT NULL,
  superseded_at timestamptz NOT NULL DEFAULT now(),
  -- Of originals up to here its renditions are dropped.
  swept_to text COLLATE "C" NOT NULL DEFAULT '',
  PRIMARY KEY (tenant_id, name, version)
);
CREATE INDEX former_presets_by_age ON former_presets (superseded_at);
CALL put_up_walls('former_presets');
GRANT SELECT, INSERT, UPDATE, DELETE ON former_presets TO safelight_app, safelight_system;
