-- compatible: to an older node a trashed image is a deleted one; it can take away no original that the trash still needs
-- Trash and erasure: a trashed image is a tombstone that still knows its original, and what was erased has a receipt.

-- `deleted_at` and no `original_id`, as of one that is gone: whoever reads images need not know of the trash to deliver
-- nothing of it.
ALTER TABLE images
  ADD trashed_original_id text COLLATE "C",
  ADD erase_at timestamptz,
  ADD FOREIGN KEY (tenant_id, trashed_original_id) REFERENCES originals,
  ADD CHECK (trashed_original_id IS NULL OR deleted_at IS NOT NULL),
  ADD CHECK ((trashed_original_id IS NULL) = (erase_at IS NULL));
CREATE INDEX images_by_trashed_original ON images (tenant_id, trashed_original_id) WHERE trashed_original_id IS NOT NULL;
CREATE INDEX images_trashed ON images (tenant_id, image_id) WHERE trashed_original_id IS NOT NULL;
CREATE INDEX images_to_erase ON images (erase_at) WHERE erase_at IS NOT NULL;

-- What an erased image leaves besides its own row is found by it.
CREATE INDEX idempotency_keys_by_image ON idempotency_keys (tenant_id, (answer ->> 'id')) WHERE answer IS NOT NULL;
CREATE INDEX uploads_by_image ON uploads (tenant_id, image_id) WHERE image_id IS NOT NULL;

CREATE TABLE erasures (
  tenant_id text COLLATE "C" NOT NULL REFERENCES tenants,
  erasure_id text COLLATE "C" NOT NULL,
  scope text COLLATE "C" NOT NULL CHECK (scope IN ('image', 'tenant')),
  image_id text COLLATE "C",
  -- `running`: rows are being removed, of a tenant. `removed`: no row is left. `signed`: no object either.
  state text COLLATE "C" NOT NULL CHECK (state IN ('running', 'removed', 'signed')),
  actor text COLLATE "C" NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When somebody looks next whether all objects are gone.
  next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Of an image; those of a tenant lie below its id.
  object_keys text[] COLLATE "C" NOT NULL DEFAULT '{}',
  -- What was removed, in numbers, as it was.
  removed jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(removed) = 'object'),
  receipt jsonb,
  key_id text COLLATE "C",
  signature bytea CHECK (length(signature) = 64),
  PRIMARY KEY (tenant_id, erasure_id),
  CHECK ((scope = 'image') = (image_id IS NOT NULL)),
  CHECK ((state = 'signed') = (receipt IS NOT NULL AND key_id IS NOT NULL AND signature IS NOT NULL))
);
CREATE INDEX erasures_to_sign ON erasures (next_at) WHERE state = 'removed';
CREATE UNIQUE INDEX erasures_of_tenant ON erasures (tenant_id) WHERE scope = 'tenant';
CALL put_up_walls('erasures');
GRANT SELECT, INSERT ON erasures TO safelight_app;
GRANT SELECT, INSERT, UPDATE ON erasures TO safelight_system;
