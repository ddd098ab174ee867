-- IIIF Image API: what a tenant serves through it, and whose an image is that such a URL names without its tenant.

-- Nothing; the tiles and sizes that an image's info.json lists; or any image of level 2.
ALTER TABLE tenants ADD iiif text COLLATE "C" NOT NULL DEFAULT 'off' CHECK (iiif IN ('off', 'tiles', 'open'));

-- Not unique, for uniqueness across tenants would tell one of another's: the 74 random bits of an id keep them apart. By
-- hash, so that no list of one tenant's images is ever read along it, past the images of all others.
CREATE INDEX images_by_id ON images USING hash (image_id);
