-- Originals, images, tags, renditions and idempotency keys.

-- The uploaded bytes, once per tenant and digest. Uploads that find this row and deletions that drop it lock it, so
-- a shared object cannot be taken away under a new image.
CREATE TABLE originals (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  original_id text COLLATE "C" NOT NULL,
  sha256 bytea NOT NULL CHECK (length(sha256) = 32),
  object_key text COLLATE "C" NOT NULL UNIQUE,
  bytes bigint NOT NULL CHECK (bytes > 0),
  format text NOT NULL,
  -- As shown, orientation applied.
  width integer NOT NULL CHECK (width > 0),
  height integer NOT NULL CHECK (height > 0),
  frames integer NOT NULL CHECK (frames > 0),
  -- What the probe found besides: orientation, alpha, colour space, depth, progressive.
  facts jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, original_id),
  UNIQUE (tenant_id, sha256)
);
CALL put_up_walls('originals');
GRANT SELECT, INSERT, UPDATE, DELETE ON originals TO safelight_app, safelight_system;

-- A deleted image stays as a tombstone without name or original: its URLs answer 410, not 404.
CREATE TABLE images (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  image_id text COLLATE "C" NOT NULL,
  original_id text COLLATE "C",
  filename text CHECK (length(filename) <= 255),
  created_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  PRIMARY KEY (tenant_id, image_id),
  FOREIGN KEY (tenant_id, original_id) REFERENCES originals,
  CHECK ((deleted_at IS NULL) = (original_id IS NOT NULL))
);
CREATE INDEX images_by_original ON images (tenant_id, original_id) WHERE original_id IS NOT NULL;
CALL put_up_walls('images');
GRANT SELECT, INSERT, UPDATE ON images TO safelight_app, safelight_system;
GRANT DELETE ON images TO safelight_system;

CREATE TABLE image_tags (
  tenant_id text COLLATE "C" NOT NULL,
  image_id text COLLATE "C" NOT NULL,
  tag text COLLATE "C" NOT NULL CHECK (length(tag) BETWEEN 1 AND 64),
  PRIMARY KEY (tenant_id, tag, image_id),
  FOREIGN KEY (tenant_id, image_id) REFERENCES images ON DELETE CASCADE
);
CREATE INDEX image_tags_by_image ON image_tags (tenant_id, image_id);
CALL put_up_walls('image_tags');
GRANT SELECT, INSERT, DELETE ON image_tags TO safelight_app, safelight_system;

-- One original under one transformation. `digest` covers the canonical transformation and the encoder's version.
CREATE TABLE renditions (
  tenant_id text COLLATE "C" NOT NULL,
  rendition_id text COLLATE "C" NOT NULL,
  original_id text COLLATE "C" NOT NULL,
  transformation text NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'ready', 'failed')),
  -- The delivery of work that will make it.
  job_id text COLLATE "C",
  object_key text COLLATE "C" UNIQUE,
  sha256 bytea CHECK (length(sha256) = 32),
  bytes bigint,
  format text,
  width integer,
  height integer,
  render_ms integer,
  cause_code text,
  cause_message text,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (tenant_id, rendition_id),
  UNIQUE (tenant_id, original_id, digest),
  FOREIGN KEY (tenant_id, original_id) REFERENCES originals,
  CHECK ((state = 'ready') = (object_key IS NOT NULL AND sha256 IS NOT NULL AND bytes IS NOT NULL)),
  CHECK ((state = 'failed') = (cause_code IS NOT NULL)),
  -- A rendition that failed with its whole job keeps the job's id: the job may be retried.
  CHECK (CASE state WHEN 'pending' THEN job_id IS NOT NULL WHEN 'ready' THEN job_id IS NULL ELSE true END)
);
CREATE INDEX renditions_by_job ON renditions (tenant_id, job_id) WHERE job_id IS NOT NULL;
CALL put_up_walls('renditions');
GRANT SELECT, INSERT, UPDATE, DELETE ON renditions TO safelight_app, safelight_system;

-- A request's promise to have one effect. `running` rows are leased: a node that dies gives the key back in time.
CREATE TABLE idempotency_keys (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  idempotency_key text COLLATE "C" NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 255),
  state text NOT NULL CHECK (state IN ('running', 'finished')),
  -- Which attempt holds the key; an attempt that lost it cannot finish.
  token bigint NOT NULL DEFAULT 1,
  lease_until timestamptz NOT NULL,
  -- Route and body; null until the body has been read.
  fingerprint bytea,
  -- The first answer's body, given again to every repeat.
  answer jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, idempotency_key),
  CHECK ((state = 'finished') = (answer IS NOT NULL AND fingerprint IS NOT NULL))
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
CALL put_up_walls('idempotency_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO safelight_app, safelight_system;
