import type { RenditionState } from '@safelight/contract';
import { lowestId } from '../core/ids.ts';
import type { Reads, Transaction } from '../db/database.ts';
import type { Location } from '../originals/index.ts';
import {
  type HeaderFacts,
  type LooksRow,
  type Rendition,
  type RenditionRow,
  toLooks,
  toRendition,
} from '../renditions/index.ts';
import type { Image } from './model.ts';
import {
  selectImage,
  selectImages,
  selectImagesInTrash,
  selectRenditionsOf,
  selectRenditionsOfImage,
  selectTrashed,
} from './read.sql.ts';

interface ImageRow extends LooksRow {
  readonly tenant_id: string;
  readonly image_id: string;
  readonly original_id: string;
  readonly filename: string | null;
  readonly private: boolean;
  readonly created_at: Date;
  readonly deleted_at: Date | null;
  readonly erase_at: Date | null;
  readonly sha256: Uint8Array;
  readonly bytes: number;
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  readonly orientation: number;
  readonly header: HeaderFacts | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly altitude_metres: number | null;
  readonly tags: readonly string[];
}

export type Lookup<T> =
  | { readonly state: 'found'; readonly value: T }
  | {
      readonly state: 'missing' | 'gone';
      /** Of one that is gone, where it matters: that it ever was is told to nobody else than before. */
      readonly isPrivate?: boolean;
    };

/** The image with its renditions; `gone` for one that was deleted, be it in the trash. */
export async function getImage(database: Reads, tenantId: string, imageId: string): Promise<Lookup<Image>> {
  return database.asTenant(tenantId, async (tx) => {
    const [[row], renditions] = await Promise.all([
      tx.query<ImageRow>(selectImage, [tenantId, imageId]),
      tx.query<RenditionRow>(selectRenditionsOfImage, [tenantId, imageId]),
    ]);
    if (!row) return { state: 'missing' };
    return row.deleted_at ? { state: 'gone' } : { state: 'found', value: toImage(row, renditions.map(toRendition)) };
  });
}

/** The same, but one in the trash is found. */
export async function getImageOrTrashed(database: Reads, tenantId: string, imageId: string): Promise<Lookup<Image>> {
  const lookup = await getImage(database, tenantId, imageId);
  if (lookup.state !== 'gone') return lookup;
  return database.asTenant(tenantId, async (tx) => {
    const rows = await tx.query<ImageRow>(selectTrashed, [tenantId, imageId]);
    const [image] = await withRenditions(tx, tenantId, rows);
    return image ? { state: 'found', value: image } : lookup;
  });
}

export interface ImageFilter {
  /** Images older than this id. */
  readonly after?: string | undefined;
  readonly tag?: string | undefined;
  readonly state?: RenditionState | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  /** What is in the trash, alone or with the others; absent: none of it. */
  readonly trash?: 'only' | 'with' | undefined;
  readonly limit: number;
}

/** An id carries its node's clock, `created_at` the database's: within a fleet they differ by far less than this. */
const CLOCKS_APART_MS_MAX = 86_400_000;
/** A filter that hardly anything passes reads the whole tenant; that must not hold a connection for long. */
const LIST_TIMEOUT = "SET LOCAL statement_timeout = '3s'";
/** There is one good plan for every page without trash, in the order of a key; PostgreSQL would make it anew each time. */
const KEPT_PLAN = 'SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_sort = off';

/** One page, newest first, and the cursor of the next. */
export async function listImages(
  database: Reads,
  tenantId: string,
  filter: ImageFilter,
): Promise<{ images: Image[]; next: string | undefined }> {
  return database.asTenant(tenantId, async (tx) => {
    const { after, tag, state, since, until, trash, limit } = filter;
    // One more than asked for tells whether there is a next page.
    const filters = [after ?? null, tag ?? null, state ?? null, since ?? null, until ?? null];
    const values = [tenantId, ...filters, limit + 1, ...idBounds(since, until)];
    const [, rows] = await Promise.all([
      tx.query(trash ? LIST_TIMEOUT : `${LIST_TIMEOUT}; ${KEPT_PLAN}`),
      tx.query<ImageRow>(trash ? selectImagesInTrash[trash] : selectImages, values),
    ]);
    const images = await withRenditions(tx, tenantId, rows.slice(0, limit));
    return { images, next: rows.length > limit ? images.at(-1)?.imageId : undefined };
  });
}

/** The ids between which images of these times lie. */
function idBounds(since: string | undefined, until: string | undefined): (string | null)[] {
  return [
    since === undefined ? null : lowestId('image', Date.parse(since) - CLOCKS_APART_MS_MAX),
    until === undefined ? null : lowestId('image', Date.parse(until) + CLOCKS_APART_MS_MAX),
  ];
}

async function withRenditions(tx: Transaction, tenantId: string, rows: readonly ImageRow[]): Promise<Image[]> {
  if (rows.length === 0) return [];
  const originals = [...new Set(rows.map((row) => row.original_id))];
  const renditions = (await tx.query<RenditionRow>(selectRenditionsOf, [tenantId, originals])).map(toRendition);
  renditions.sort((a, b) => (a.renditionId < b.renditionId ? -1 : 1));
  return rows.map((row) =>
    toImage(
      row,
      renditions.filter((rendition) => rendition.originalId === row.original_id),
    ),
  );
}

function toImage(row: ImageRow, renditions: readonly Rendition[]): Image {
  return {
    tenantId: row.tenant_id,
    imageId: row.image_id,
    originalId: row.original_id,
    sha256: row.sha256,
    filename: row.filename ?? undefined,
    isPrivate: row.private,
    bytes: row.bytes,
    format: row.format,
    width: row.width,
    height: row.height,
    frames: row.frames,
    orientation: row.orientation,
    header: row.header ?? undefined,
    looks: toLooks(row),
    location: toLocation(row),
    tags: row.tags,
    createdAt: row.created_at,
    ...(row.deleted_at && row.erase_at && { trash: { trashedAt: row.deleted_at, erasesAt: row.erase_at } }),
    renditions,
  };
}

function toLocation({ latitude, longitude, altitude_metres }: ImageRow): Location | undefined {
  if (latitude === null || longitude === null) return undefined;
  return { latitude, longitude, altitudeMetres: altitude_metres ?? undefined };
}
