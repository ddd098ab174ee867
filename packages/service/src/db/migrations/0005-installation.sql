-- Which installation this database is. The object store keeps the same name: a node that finds them different has been
-- pointed at another installation's objects, which its janitor would sweep as referenced by nothing.
CREATE TABLE installation (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  installation_id text COLLATE "C" NOT NULL
);
INSERT INTO installation (installation_id) VALUES ('inst_' || replace(gen_random_uuid()::text, '-', ''));

ALTER TABLE installation OWNER TO safelight_owner;
ALTER TABLE installation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON installation TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON installation TO safelight_system USING (true) WITH CHECK (true);
GRANT SELECT ON installation TO safelight_system;
