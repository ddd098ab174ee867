import { hotStatement } from '../db/statement.ts';
import { renditionColumns } from '../renditions/index.ts';

/** Of an image, its original and one rendition; and the image that this one shows where it is gone, by primary key. */
const DELIVERY_COLUMNS = `i.deleted_at, i.private, i.original_id AS image_original_id, i.filename,
     o.object_key AS original_object_key, o.sha256 AS original_sha256, o.bytes AS original_bytes,
     o.format AS original_format, o.facts, i.created_at, ${renditionColumns('r')},
     CASE WHEN r.mark_image_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM images m
       WHERE m.tenant_id = i.tenant_id AND m.image_id = r.mark_image_id AND m.deleted_at IS NULL
     ) THEN r.mark_image_id END AS mark_gone`;

/**
 * What a delivery needs, by two primary keys and one unique index; the tenant comes from the URL, not from a key. A
 * rendition that lays an image over its picture counts only while that one is there.
 */
export const selectDelivery = hotStatement(
  'select_delivery',
  `SELECT ${DELIVERY_COLUMNS}
   FROM images i
   LEFT JOIN originals o ON o.tenant_id = i.tenant_id AND o.original_id = i.original_id
   LEFT JOIN renditions r ON r.tenant_id = i.tenant_id AND r.original_id = i.original_id AND r.digest = $3
   WHERE i.tenant_id = $1 AND i.image_id = $2`,
);

/** The same for several of one tenant, by the same keys; `place` counts them from one, and those without an image lack. */
export const selectDeliveries = hotStatement(
  'select_deliveries',
  `SELECT asked.place::int, ${DELIVERY_COLUMNS}
   FROM unnest((SELECT $2::text[]), (SELECT $3::bytea[])) WITH ORDINALITY AS asked (image_id, digest, place)
   JOIN images i ON i.tenant_id = $1 AND i.image_id = asked.image_id
   LEFT JOIN originals o ON o.tenant_id = i.tenant_id AND o.original_id = i.original_id
   LEFT JOIN renditions r ON r.tenant_id = i.tenant_id AND r.original_id = i.original_id AND r.digest = asked.digest`,
);
