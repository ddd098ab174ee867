import { hotStatement, statement } from '../db/statement.ts';
import { looksColumns, renditionColumns } from '../renditions/index.ts';

/** What an image is: its own row, its original's facts, and its tags by their index. */
const FACTS = `o.sha256, o.bytes, o.format, o.width, o.height, o.frames,
  (o.facts ->> 'orientation')::int AS orientation, o.facts -> 'header' AS header, ${looksColumns('l')},
  p.latitude, p.longitude, p.altitude_metres,
  ARRAY (SELECT t.tag FROM image_tags t WHERE t.tenant_id = i.tenant_id AND t.image_id = i.image_id ORDER BY t.tag) AS tags`;
const COLUMNS = `i.tenant_id, i.image_id, i.original_id, i.filename, i.private, i.created_at, i.deleted_at, i.erase_at, ${FACTS}`;

const FROM = `images i LEFT JOIN originals o USING (tenant_id, original_id)
  LEFT JOIN looks l USING (tenant_id, original_id) LEFT JOIN locations p USING (tenant_id, original_id)`;

const TRASH_COLUMNS = `i.tenant_id, i.image_id, o.original_id, i.filename, i.private, i.created_at, i.deleted_at,
  i.erase_at, ${FACTS}`;
const TRASH_FROM = `images i
  LEFT JOIN originals o ON o.tenant_id = i.tenant_id AND o.original_id = coalesce(i.original_id, i.trashed_original_id)
  LEFT JOIN looks l ON l.tenant_id = o.tenant_id AND l.original_id = o.original_id
  LEFT JOIN locations p ON p.tenant_id = o.tenant_id AND p.original_id = o.original_id`;

function filters(original: string): string {
  return `($2::text IS NULL OR i.image_id < $2)
     AND ($3::text IS NULL OR EXISTS
       (SELECT FROM image_tags t WHERE t.tenant_id = i.tenant_id AND t.tag = $3 AND t.image_id = i.image_id))
     AND ($4::text IS NULL OR $4 = (
       SELECT CASE WHEN bool_or(r.state = 'pending') THEN 'pending' WHEN bool_or(r.state = 'failed') THEN 'failed' ELSE 'ready' END
       FROM renditions r WHERE r.tenant_id = i.tenant_id AND r.original_id = ${original}))
     AND ($5::timestamptz IS NULL OR i.created_at >= $5)
     AND ($6::timestamptz IS NULL OR i.created_at < $6)
     AND ($8::text IS NULL OR i.image_id >= $8)
     AND ($9::text IS NULL OR i.image_id < $9)`;
}

/** One image, or its tombstone. */
export const selectImage = hotStatement(
  'select_image',
  `SELECT ${COLUMNS} FROM ${FROM} WHERE i.tenant_id = $1 AND i.image_id = $2`,
);

/**
 * A page of live images, newest first: a backward scan of the primary key, since ids sort by time. A filter by state
 * asks the renditions of each candidate; a filter by tag is checked by its primary key. The ids $8 and $9 bound the scan
 * of a filter by time, which would else walk the whole tenant to its end.
 */
export const selectImages = statement(
  'select_images',
  `SELECT ${COLUMNS} FROM ${FROM}
   WHERE i.tenant_id = $1 AND i.deleted_at IS NULL AND ${filters('i.original_id')}
   ORDER BY i.image_id DESC LIMIT $7`,
);

/** One image in the trash; its original stands in another column. */
export const selectTrashed = statement(
  'select_trashed_image',
  `SELECT ${TRASH_COLUMNS} FROM ${TRASH_FROM}
   WHERE i.tenant_id = $1 AND i.image_id = $2 AND i.trashed_original_id IS NOT NULL`,
);

const LIST_TRASH = `i.tenant_id = $1 AND ${filters('coalesce(i.original_id, i.trashed_original_id)')}`;

/** A page of those in the trash, by images_trashed, and of these with the live ones; parameters as above. */
export const selectImagesInTrash = {
  only: statement(
    'select_images_in_trash',
    `SELECT ${TRASH_COLUMNS} FROM ${TRASH_FROM}
     WHERE i.trashed_original_id IS NOT NULL AND ${LIST_TRASH} ORDER BY i.image_id DESC LIMIT $7`,
  ),
  with: statement(
    'select_images_with_trash',
    `SELECT ${TRASH_COLUMNS} FROM ${TRASH_FROM}
     WHERE (i.deleted_at IS NULL OR i.trashed_original_id IS NOT NULL) AND ${LIST_TRASH} ORDER BY i.image_id DESC LIMIT $7`,
  ),
} as const;

export const selectRenditionsOf = hotStatement(
  'select_renditions_of_originals',
  `SELECT ${renditionColumns('r')} FROM renditions r
   WHERE r.tenant_id = $1 AND r.original_id = ANY ($2::text[]) ORDER BY r.original_id, r.rendition_id`,
);
