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

/** The bounds of ids ($2, $8, $9; no id lies below '' or above '~') are such that a plan for any of them can scan by them. */
function filters(original: string): string {
  return `i.image_id < coalesce($2::text, '~') AND i.image_id >= coalesce($8::text, '') AND i.image_id < coalesce($9::text, '~')
     AND ($3::text IS NULL OR EXISTS
       (SELECT FROM image_tags t WHERE t.tenant_id = i.tenant_id AND t.tag = $3 AND t.image_id = i.image_id))
     AND ($4::text IS NULL OR $4 = (
       SELECT CASE WHEN bool_or(r.state = 'pending') THEN 'pending' WHEN bool_or(r.state = 'failed') THEN 'failed' ELSE 'ready' END
       FROM renditions r WHERE r.tenant_id = i.tenant_id AND r.original_id = ${original}))
     AND ($5::timestamptz IS NULL OR i.created_at >= $5)
     AND ($6::timestamptz IS NULL OR i.created_at < $6)`;
}

/** Looked up row by row, be a table as empty as it may when the plan is made: OFFSET keeps PostgreSQL from joining it whole. */
function joinOfOriginal(aliased: string): string {
  const [table, alias] = aliased.split(' ');
  return `LEFT JOIN LATERAL (SELECT * FROM ${table} o
       WHERE o.tenant_id = i.tenant_id AND o.original_id = i.original_id OFFSET 0) ${alias} ON true`;
}

/** One image, or its tombstone. */
export const selectImage = hotStatement(
  'select_image',
  `SELECT ${COLUMNS} FROM ${FROM} WHERE i.tenant_id = $1 AND i.image_id = $2`,
);

/**
 * A page of live images, newest first: a backward scan of the primary key, since ids sort by time. A filter by state
 * asks the renditions of each candidate; a filter by tag is checked by its primary key. The ids $8 and $9 bound the scan
 * of a filter by time, which would else walk the whole tenant to its end. Planning it anew took half of its time.
 */
export const selectImages = hotStatement(
  'select_images',
  `SELECT ${COLUMNS}
   FROM (SELECT * FROM images i WHERE i.tenant_id = $1 AND i.deleted_at IS NULL AND ${filters('i.original_id')}
         ORDER BY i.image_id DESC LIMIT $7) i
     ${['originals o', 'looks l', 'locations p'].map(joinOfOriginal).join('\n     ')}
   ORDER BY i.image_id DESC`,
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

/** Of one image, asked together with it. */
export const selectRenditionsOfImage = hotStatement(
  'select_renditions_of_image',
  `SELECT ${renditionColumns('r')} FROM images i JOIN renditions r USING (tenant_id, original_id)
   WHERE i.tenant_id = $1 AND i.image_id = $2 ORDER BY r.rendition_id`,
);

/** Of a page, in no order. A plan for an array of unknown length looks dearer than it is: it is kept where plans must be. */
export const selectRenditionsOf = hotStatement(
  'select_renditions_of_originals',
  `SELECT ${renditionColumns('r')} FROM renditions r
   WHERE r.tenant_id = $1 AND r.original_id = ANY ($2::text[])`,
);
