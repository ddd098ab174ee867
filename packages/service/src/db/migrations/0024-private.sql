-- Images that are delivered to those alone who were given a signed URL or a token, and domains of tenants. An older node
-- would show a private image to everybody, and accept one that was sent as private as a public one.

ALTER TABLE images ADD private boolean NOT NULL DEFAULT false;
-- Null: as the tenant's settings have it when the image is accepted.
ALTER TABLE uploads ADD private boolean;
ALTER TABLE upload_tokens ADD private boolean;

-- Hosts at which a tenant's images are delivered. Several tenants may claim one; only who has proved it is listened to.
CREATE TABLE domains (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  -- In lower case, without a port.
  host text COLLATE "C" NOT NULL CHECK (length(host) <= 253 AND host ~ '^[a-z0-9-]+(\.[a-z0-9-]+)+$'),
  -- What its TXT record has to say.
  challenge text COLLATE "C" NOT NULL,
  verified_at timestamptz,
  -- The one that stands in the URLs of the API.
  is_primary boolean NOT NULL DEFAULT false CHECK (verified_at IS NOT NULL OR NOT is_primary),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, host)
);
CREATE UNIQUE INDEX domains_by_host ON domains (host) WHERE verified_at IS NOT NULL;
CREATE UNIQUE INDEX domains_primary ON domains (tenant_id) WHERE is_primary;
CALL put_up_walls('domains');
GRANT SELECT, INSERT, UPDATE, DELETE ON domains TO safelight_app, safelight_system;
