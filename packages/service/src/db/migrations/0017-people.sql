-- compatible: older nodes take keys as before; of one that was rotated they know the new secret alone.

ALTER TABLE keys
  ADD name text NOT NULL DEFAULT '',
  -- The key or person that made it; null for what the operator made.
  ADD created_by text COLLATE "C",
  -- To the minute: no request writes.
  ADD last_used_at timestamptz,
  -- The secret before the last rotation opens until then.
  ADD previous_sha256 bytea CHECK (length(previous_sha256) = 32),
  ADD previous_until timestamptz,
  ADD CHECK ((previous_sha256 IS NULL) = (previous_until IS NULL));
CREATE UNIQUE INDEX keys_previous_sha256_key ON keys (previous_sha256);

-- Who can log in. A person belongs to any number of tenants and to none, so tenants have no policy here; what a tenant
-- may know of its people stands in `memberships`. Rows of people who belong nowhere are swept.
CREATE TABLE people (
  person_id text COLLATE "C" PRIMARY KEY,
  -- In lower case.
  email text COLLATE "C" NOT NULL UNIQUE,
  -- Whether somebody we trust, a provider of OpenID Connect, says that it is the person's own.
  email_verified boolean NOT NULL DEFAULT false,
  -- Argon2id in the form of PHC, with its parameters; null while the person has none.
  password_hash text,
  oidc_issuer text COLLATE "C",
  oidc_subject text COLLATE "C",
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (oidc_issuer, oidc_subject),
  CHECK ((oidc_issuer IS NULL) = (oidc_subject IS NULL))
);
ALTER TABLE people OWNER TO safelight_owner;
ALTER TABLE people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON people TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON people TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON people FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON people TO safelight_system;

CREATE TABLE memberships (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  person_id text COLLATE "C" NOT NULL,
  -- The person's own, again: a tenant sees nothing of `people`.
  email text COLLATE "C" NOT NULL,
  role text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'editor', 'viewer', 'billing')),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz,
  PRIMARY KEY (tenant_id, person_id)
);
CREATE INDEX memberships_by_person ON memberships (person_id);
CALL put_up_walls('memberships');
GRANT SELECT, INSERT, UPDATE, DELETE ON memberships TO safelight_app, safelight_system;

CREATE TABLE invitations (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  invitation_id text COLLATE "C" NOT NULL,
  email text COLLATE "C" NOT NULL,
  role text COLLATE "C" NOT NULL CHECK (role IN ('owner', 'editor', 'viewer', 'billing')),
  -- The token carries 256 random bits.
  sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, invitation_id),
  UNIQUE (tenant_id, email)
);
CREATE INDEX invitations_by_email ON invitations (email);
CALL put_up_walls('invitations');
GRANT SELECT, INSERT, UPDATE, DELETE ON invitations TO safelight_app, safelight_system;

-- A person in one tenant, by a cookie. They end with the membership.
CREATE TABLE sessions (
  tenant_id text COLLATE "C" NOT NULL,
  session_id text COLLATE "C" NOT NULL,
  person_id text COLLATE "C" NOT NULL,
  -- The cookie carries 256 random bits.
  sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, session_id),
  FOREIGN KEY (tenant_id, person_id) REFERENCES memberships ON DELETE CASCADE
);
CREATE INDEX sessions_by_member ON sessions (tenant_id, person_id);
CREATE INDEX sessions_by_person ON sessions (person_id);
CALL put_up_walls('sessions');
GRANT SELECT (tenant_id, session_id, person_id, created_at, seen_at, expires_at), DELETE ON sessions TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions TO safelight_system;

-- Log-ins that failed, by account and by address, whether the account is there or not; a digest, since an address or an
-- e-mail is nobody's business here. Swept a day after the last.
CREATE TABLE log_in_failures (
  subject_sha256 bytea PRIMARY KEY CHECK (length(subject_sha256) = 32),
  failures integer NOT NULL,
  last_at timestamptz NOT NULL,
  locked_until timestamptz NOT NULL
);
ALTER TABLE log_in_failures OWNER TO safelight_owner;
ALTER TABLE log_in_failures ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON log_in_failures TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON log_in_failures TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON log_in_failures FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON log_in_failures TO safelight_system;
