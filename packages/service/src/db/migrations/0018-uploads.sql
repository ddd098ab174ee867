-- Uploads that take several requests: resumable ones, and those that go straight to the object store. An older janitor
-- would sweep what lies staged for them, since it knows none of these rows.

-- What a browser holds instead of a key: a few images, soon.
CREATE TABLE upload_tokens (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  token_id text COLLATE "C" NOT NULL,
  -- Tokens carry 256 random bits: a plain digest cannot be guessed back.
  sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
  bytes_max bigint NOT NULL CHECK (bytes_max > 0),
  images_max integer NOT NULL CHECK (images_max > 0),
  images integer NOT NULL DEFAULT 0 CHECK (images BETWEEN 0 AND images_max),
  -- Formats that it takes; null: all.
  formats text[],
  -- What its images are tagged with.
  tags text[] NOT NULL,
  -- The only origin whose pages may use it; null: any.
  origin text COLLATE "C",
  created_by text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, token_id)
);
CREATE INDEX upload_tokens_by_end ON upload_tokens (expires_at);
CALL put_up_walls('upload_tokens');
GRANT SELECT, INSERT, UPDATE, DELETE ON upload_tokens TO safelight_app, safelight_system;

CREATE TABLE uploads (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  upload_id text COLLATE "C" NOT NULL,
  kind text NOT NULL CHECK (kind IN ('resumable', 'direct')),
  -- `refused`: its bytes are all there, and are no picture that is taken here.
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'finished', 'refused')),
  -- The upload token that began it, which alone may go on with it besides the tenant's keys.
  token_id text COLLATE "C",
  bytes bigint NOT NULL CHECK (bytes > 0),
  -- Of a resumable one; `bytes` only when the image was accepted.
  received bigint NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND bytes),
  sha256 bytea CHECK (length(sha256) = 32),
  filename text,
  tags text[] NOT NULL,
  -- As the client told it, to be told again.
  metadata jsonb,
  -- Of a direct one: where its client puts it.
  object_key text COLLATE "C" UNIQUE,
  image_id text COLLATE "C",
  problem jsonb,
  -- Who writes to it: one request at a time, of all nodes. The token grows with each.
  lease_token bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  -- Somebody else waits for the lease: its holder gives it up.
  lease_wanted boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, upload_id),
  CHECK ((kind = 'direct') = (object_key IS NOT NULL)),
  CHECK ((state = 'finished') = (image_id IS NOT NULL)),
  CHECK ((state = 'refused') = (problem IS NOT NULL))
);
CREATE INDEX uploads_by_end ON uploads (expires_at);
CREATE INDEX uploads_open ON uploads (tenant_id) WHERE state = 'open';
CALL put_up_walls('uploads');
GRANT SELECT, INSERT, UPDATE, DELETE ON uploads TO safelight_app, safelight_system;

-- What a resumable upload has received: pieces in the order of `first`, without gaps.
CREATE TABLE upload_parts (
  tenant_id text COLLATE "C" NOT NULL,
  upload_id text COLLATE "C" NOT NULL,
  first bigint NOT NULL CHECK (first >= 0),
  bytes bigint NOT NULL CHECK (bytes > 0),
  object_key text COLLATE "C" NOT NULL UNIQUE,
  PRIMARY KEY (tenant_id, upload_id, first),
  FOREIGN KEY (tenant_id, upload_id) REFERENCES uploads ON DELETE CASCADE
);
CALL put_up_walls('upload_parts');
GRANT SELECT, INSERT, UPDATE, DELETE ON upload_parts TO safelight_app, safelight_system;
