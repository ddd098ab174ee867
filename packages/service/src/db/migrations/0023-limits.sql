-- compatible: older nodes know no limits and enforce none while they still run
-- Which part of a tenant's rates each node may use, and the last byte of its storage.

-- One row for each rate of a tenant that nodes share: `nodes` maps each to what it wants, what it holds and until when,
-- in milliseconds by this clock. A node that dies holds nothing some seconds later.
CREATE TABLE rate_shares (
  tenant_id text COLLATE "C" NOT NULL,
  rate text COLLATE "C" NOT NULL CHECK (rate IN ('requests', 'bytesIn', 'bytesOut')),
  nodes jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(nodes) = 'object'),
  PRIMARY KEY (tenant_id, rate)
) WITH (fillfactor = 50);
CALL put_up_walls('rate_shares');
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_shares TO safelight_system;

-- What the tenant of this transaction has stored, for who means to store more: from here to the end of the transaction
-- no other one of the tenant's gets an answer, so each sees the bytes of those before it. Volatile: the sum takes its
-- snapshot behind the lock. The same sum as usage shows: metered, in the log and before it.
CREATE FUNCTION hold_stored_bytes() RETURNS bigint
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER
  SET search_path = safelight, pg_temp
AS $$
DECLARE
  tenant constant text := current_tenant();
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('stored bytes of ' || tenant, 0));
  RETURN coalesce((SELECT sum(m.stored_bytes) FROM usage_months m WHERE m.tenant_id = tenant), 0)
    + coalesce((SELECT sum((e.data ->> 'storedBytes')::numeric) FROM events e, usage_cursor c
        WHERE e.log_position > c.log_position AND e.tenant_id = tenant), 0)
    + coalesce((SELECT sum((i.data ->> 'storedBytes')::numeric) FROM event_inbox i WHERE i.tenant_id = tenant), 0);
END
$$;
ALTER FUNCTION hold_stored_bytes() OWNER TO safelight_owner;
REVOKE ALL ON FUNCTION hold_stored_bytes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_stored_bytes() TO safelight_app;
