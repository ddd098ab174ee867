import { join } from 'node:path';
import type { Transformation } from '@safelight/contract';
import type { Database } from '../db/database.ts';
import { copyObjectTo } from '../ports/copy-object.ts';
import { ObjectMissingError, type ObjectStore } from '../ports/object-store.ts';
import { selectMarks } from './marks.sql.ts';
import type { Rendition } from './model.ts';
import { decoderBytes, MARK_BYTES_MAX } from './predict.ts';
import type { Cause, Mark, SourceFacts } from './protocol.ts';

interface MarkRow {
  readonly image_id: string;
  readonly object_key: string;
  readonly facts: SourceFacts;
}

/**
 * Puts the originals of the images that `transformations` lay over the picture into the job's folder. One that is not
 * there, or not the tenant's, or too large to be decoded beside the picture, fails its outputs and no others.
 * @param folder path of the job's folder
 */
export async function putMarks(
  { database, store }: { readonly database: Database; readonly store: ObjectStore },
  tenantId: string,
  transformations: readonly Transformation[],
  folder: string,
): Promise<Mark[]> {
  const imageIds = [...new Set(transformations.flatMap(({ mark }) => mark ?? []))];
  if (imageIds.length === 0) return [];
  const rows = await database.asTenant(tenantId, (tx) => tx.query<MarkRow>(selectMarks, [tenantId, imageIds]));
  const byId = new Map(rows.map((row) => [row.image_id, row]));
  const marks: Mark[] = [];
  for (const [index, imageId] of imageIds.entries()) {
    marks.push(await putMark(store, { imageId, row: byId.get(imageId), folder, file: `mark-${index}` }));
  }
  return marks;
}

async function putMark(
  store: ObjectStore,
  { imageId, row, folder, file }: { imageId: string; row: MarkRow | undefined; folder: string; file: string },
): Promise<Mark> {
  if (!row) return { imageId, cause: markNotFound(imageId) };
  const bytes = decoderBytes(row.facts);
  if (bytes > MARK_BYTES_MAX) return { imageId, cause: tooLarge(imageId, row.facts, bytes) };
  try {
    await copyObjectTo(store, row.object_key, join(folder, file));
    return { imageId, file, source: row.facts };
  } catch (error) {
    // Deleted a moment ago.
    if (error instanceof ObjectMissingError) return { imageId, cause: markNotFound(imageId) };
    throw error;
  }
}

/** A rendition that shows an image which is gone since: as if it had been ordered after that. */
export function withoutMark(rendition: Rendition, imageId: string): Rendition {
  if (rendition.state !== 'ready') return rendition;
  return { ...rendition, state: 'failed', made: undefined, cause: markNotFound(imageId) };
}

/** What is told of an image to lay over that is not there. */
export function markNotFound(imageId: string): Cause {
  return { code: 'mark_not_found', message: `there is no image ${imageId} to lay over` };
}

function tooLarge(imageId: string, { width, height, format }: SourceFacts, bytes: number): Cause {
  const [needed, most] = [bytes, MARK_BYTES_MAX].map((value) => Math.ceil(value / 1e6));
  const message = `image ${imageId} (${format}, ${width} × ${height} pixels) takes ${needed} MB to decode, and a mark may take ${most}: lay a smaller one over`;
  return { code: 'mark_too_large', message };
}
