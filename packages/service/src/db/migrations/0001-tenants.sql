-- Roles, tenants and keys. Roles are the cluster's, not the database's: another database may have made them already.
DO $$
BEGIN
  BEGIN CREATE ROLE safelight_owner NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  BEGIN CREATE ROLE safelight_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  BEGIN CREATE ROLE safelight_system NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  -- Whoever migrates hands tables over to the owner; outside a superuser's session that takes membership.
  EXECUTE format('GRANT safelight_owner, safelight_app, safelight_system TO %I', current_user);
END
$$;

GRANT USAGE ON SCHEMA safelight TO safelight_app, safelight_system;
GRANT USAGE, CREATE ON SCHEMA safelight TO safelight_owner;
GRANT SELECT ON schema_migrations TO safelight_app, safelight_system;

-- The tenant that this transaction acts for; NULL (which equals nothing) outside of one.
CREATE FUNCTION current_tenant() RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('safelight.tenant', true), '');

-- Puts up the walls around a table: the owner and the system see all, the app sees its tenant's rows.
-- Every table must pass through here; a test walks the schema.
CREATE PROCEDURE put_up_walls(target regclass)
  LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s OWNER TO safelight_owner', target);
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY owner ON %s TO safelight_owner USING (true) WITH CHECK (true)', target);
  EXECUTE format('CREATE POLICY system ON %s TO safelight_system USING (true) WITH CHECK (true)', target);
  EXECUTE format(
    'CREATE POLICY tenant ON %s TO safelight_app USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant())',
    target
  );
  EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', target);
END
$$;

CREATE TABLE tenants (
  tenant_id text COLLATE "C" PRIMARY KEY,
  -- The short name in URLs and on the command line.
  slug text COLLATE "C" NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  -- Share of the workers when several tenants wait: 2 gets twice what 1 gets.
  weight real NOT NULL DEFAULT 1 CHECK (weight > 0 AND weight <= 1000),
  -- Signs the URLs of this tenant's originals (HMAC-SHA-256).
  url_secret bytea NOT NULL CHECK (length(url_secret) = 32),
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL put_up_walls('tenants');
GRANT SELECT ON tenants TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants TO safelight_system;

CREATE TABLE keys (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  key_id text COLLATE "C" NOT NULL,
  -- Keys carry 256 random bits: a plain digest cannot be guessed back.
  sha256 bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, key_id)
);
CALL put_up_walls('keys');
GRANT SELECT, INSERT, UPDATE ON keys TO safelight_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON keys TO safelight_system;
