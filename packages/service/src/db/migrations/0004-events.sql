-- The log of what happened: an inbox that business transactions write to, and the sealed log that nobody edits.

-- Rows stay for a fraction of a second: from their transaction's commit until the sealer moves them to `events`.
CREATE TABLE event_inbox (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  event_id text COLLATE "C" NOT NULL,
  -- An event may be sealed once every transaction born before it has ended. 64 bits: never wraps.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  sequence bigint GENERATED ALWAYS AS IDENTITY,
  type text COLLATE "C" NOT NULL CHECK (type ~ '^[a-z]+\.[a-z_]+$'),
  -- The id of what the event is about; `image_id` besides, when that is or belongs to an image.
  subject text COLLATE "C" NOT NULL,
  image_id text COLLATE "C",
  -- A key's id, or 'system'.
  actor text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
  personal jsonb CHECK (jsonb_typeof(personal) = 'object'),
  salt bytea CHECK (length(salt) = 32),
  PRIMARY KEY (tenant_id, event_id),
  CHECK ((personal IS NULL) = (salt IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX event_inbox_by_age ON event_inbox (xid, sequence);
CALL put_up_walls('event_inbox');
-- Nobody chooses the transaction, the order or the time of an event.
GRANT INSERT (tenant_id, event_id, type, subject, image_id, actor, data, personal, salt)
  ON event_inbox TO safelight_app, safelight_system;
GRANT SELECT, UPDATE (personal, salt) ON event_inbox TO safelight_app, safelight_system;
GRANT DELETE, UPDATE (xid) ON event_inbox TO safelight_system;

-- No foreign keys: history outlives what it tells of.
CREATE TABLE events (
  tenant_id text COLLATE "C" NOT NULL,
  -- 1, 2, 3 … within the tenant.
  position bigint NOT NULL CHECK (position > 0),
  -- 1, 2, 3 … over all tenants.
  log_position bigint NOT NULL UNIQUE CHECK (log_position > 0),
  event_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  image_id text COLLATE "C",
  actor text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  data jsonb NOT NULL,
  -- Beside the chain: erasure sets both to null, and the chain, which covers the digest, still verifies.
  personal jsonb,
  salt bytea,
  personal_digest bytea CHECK (length(personal_digest) = 32),
  -- Link of the tenant's chain and of the chain over all tenants.
  hash bytea NOT NULL CHECK (length(hash) = 32),
  log_hash bytea NOT NULL CHECK (length(log_hash) = 32),
  PRIMARY KEY (tenant_id, position)
);
CREATE INDEX events_by_image ON events (tenant_id, image_id, position) WHERE image_id IS NOT NULL;
CALL put_up_walls('events');
GRANT SELECT, UPDATE (personal, salt) ON events TO safelight_app, safelight_system;
GRANT INSERT ON events TO safelight_system;

-- Where each tenant's chain stands, and how far it has been signed.
CREATE TABLE event_heads (
  tenant_id text COLLATE "C" PRIMARY KEY,
  position bigint NOT NULL,
  hash bytea NOT NULL,
  log_position bigint NOT NULL,
  signed_position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CALL put_up_walls('event_heads');
GRANT SELECT (tenant_id, position, hash) ON event_heads TO safelight_app;
GRANT SELECT, INSERT, UPDATE ON event_heads TO safelight_system;

-- What the sealer signed with a key that is not in this database.
CREATE TABLE event_checkpoints (
  tenant_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  hash bytea NOT NULL,
  log_position bigint NOT NULL,
  at timestamptz NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  signature bytea NOT NULL,
  PRIMARY KEY (tenant_id, position)
);
CALL put_up_walls('event_checkpoints');
GRANT SELECT (tenant_id, position, hash, at, key_id, signature) ON event_checkpoints TO safelight_app;
GRANT SELECT, INSERT ON event_checkpoints TO safelight_system;

-- One row: who seals, until when, and where the log stands. It belongs to no tenant, so tenants have no policy here.
CREATE TABLE sealer_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  holder text COLLATE "C",
  -- Grows with each change of holder; a holder with an older one has been deposed.
  token bigint NOT NULL DEFAULT 0,
  lease_until timestamptz NOT NULL DEFAULT '-infinity',
  log_position bigint NOT NULL DEFAULT 0,
  log_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
  -- The transaction of the last sealed event: nothing of an older one will ever come, so the inbox is read from here.
  -- A column, not the sealer's memory: on a promoted standby both go back together.
  floor xid8 NOT NULL DEFAULT '0'
) WITH (fillfactor = 10);
INSERT INTO sealer_state DEFAULT VALUES;
ALTER TABLE sealer_state OWNER TO safelight_owner;
ALTER TABLE sealer_state ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON sealer_state TO safelight_owner USING (true) WITH CHECK (true);
CREATE POLICY system ON sealer_state TO safelight_system USING (true) WITH CHECK (true);
REVOKE ALL ON sealer_state FROM PUBLIC;
GRANT SELECT, UPDATE ON sealer_state TO safelight_system;

-- Stops mistakes, the owner's included. It does not stop a superuser: that is what the chain is for.
CREATE FUNCTION keep_history() RETURNS trigger
  LANGUAGE plpgsql
AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'events' THEN
    OLD.personal := NULL;
    OLD.salt := NULL;
    -- Erasure takes the field and its salt and leaves everything else.
    IF NEW IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION '% of % refused: history is append-only', lower(TG_OP), TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END
$$;
ALTER FUNCTION keep_history() OWNER TO safelight_owner;

CREATE TRIGGER keep_history BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_history_whole BEFORE TRUNCATE ON events EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_history BEFORE UPDATE OR DELETE ON event_checkpoints FOR EACH ROW EXECUTE FUNCTION keep_history();
CREATE TRIGGER keep_history_whole BEFORE TRUNCATE ON event_checkpoints EXECUTE FUNCTION keep_history();
