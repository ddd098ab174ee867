import { createHash } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { readEvents, type SealedEvent } from '../events/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { SourceFacts } from '../renditions/index.ts';
import { RemovalHold } from './hold.ts';
import { TarWriter } from './tar.ts';
import {
  type ArchivedImage,
  type ArchiveEnd,
  type ArchiveManifest,
  END,
  MANIFEST,
  originalName,
  PART_LINES,
  partName,
  sha256Of,
} from './tenant-archive.ts';

export interface ExportDeps {
  readonly database: Database;
  readonly store: Pick<ObjectStore, 'read'>;
  readonly clock: Clock;
}

/** The stored bytes are not those that were sent. */
class OriginalDamagedError extends Error {
  override readonly name = 'OriginalDamagedError';
}

interface ExportedRow {
  readonly image_id: string;
  readonly original_id: string;
  readonly filename: string | null;
  readonly private: boolean;
  readonly created_at: Date;
  readonly sha256: Uint8Array;
  readonly object_key: string;
  readonly bytes: number;
  readonly facts: SourceFacts;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly altitude_metres: number | null;
  readonly tags: readonly string[];
}

/** A page of live images, those of one original together; by images_by_original. $2, $3 behind, $4 at most. */
const selectToExport = statement(
  'select_images_to_export',
  `SELECT i.image_id, i.original_id, i.filename, i.private, i.created_at, o.sha256, o.object_key, o.bytes, o.facts,
     p.latitude, p.longitude, p.altitude_metres,
     ARRAY (SELECT t.tag FROM image_tags t WHERE t.tenant_id = i.tenant_id AND t.image_id = i.image_id ORDER BY t.tag) AS tags
   FROM images i JOIN originals o USING (tenant_id, original_id) LEFT JOIN locations p USING (tenant_id, original_id)
   WHERE i.tenant_id = $1 AND i.original_id IS NOT NULL AND (i.original_id, i.image_id) > ($2, $3)
   ORDER BY i.original_id, i.image_id LIMIT $4`,
);

/**
 * Writes what a tenant has into an archive: live images, their originals, its settings and its log; nothing secret, and
 * no renditions. The tenant may be in use: what comes or goes meanwhile may be in it or not.
 * @throws OriginalDamagedError, or what database, store and file system throw; then no archive is left.
 */
export async function exportTenant(
  deps: ExportDeps,
  tenantId: string,
  manifest: ArchiveManifest,
  path: string,
): Promise<ArchiveEnd> {
  const hold = await RemovalHold.take(deps.database, deps.clock);
  const unfinished = `${path}.unfinished`;
  await rm(unfinished, { force: true });
  const tar = await TarWriter.create(unfinished, deps.clock.now());
  try {
    const document = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await tar.add(MANIFEST, document.length, [document]);
    const { images, originals } = await addImages(deps, tenantId, tar);
    const events = await addEvents(deps, tenantId, tar);
    await hold.confirm();
    const end: ArchiveEnd = { images, originals, events, manifestSha256: sha256Of(document) };
    const last = Buffer.from(`${JSON.stringify(end)}\n`);
    await tar.add(END, last.length, [last]);
    await tar.end();
    await rename(unfinished, path);
    return end;
  } catch (error) {
    await tar.abandon();
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await hold.release();
  }
}

async function addImages(
  { database, store }: ExportDeps,
  tenantId: string,
  tar: TarWriter,
): Promise<{ readonly images: number; readonly originals: number }> {
  const done = { images: 0, originals: 0 };
  let [original, image] = ['', ''];
  for (let part = 1; ; part += 1) {
    const values = [tenantId, original, image, PART_LINES];
    const rows = await database.query<ExportedRow>(selectToExport, values);
    const last = rows.at(-1);
    if (!last) return done;
    [original, image] = [last.original_id, last.image_id];
    const lines = Buffer.from(rows.map((row) => `${JSON.stringify(toArchived(row))}\n`).join(''));
    await tar.add(partName('images', part, lines), lines.length, [lines]);
    done.images += rows.length;
    for (const row of new Map(rows.map((row) => [row.original_id, row])).values()) {
      const sha256 = Buffer.from(row.sha256).toString('hex');
      const { stream } = await store.read(row.object_key);
      await tar.add(originalName(sha256), row.bytes, checked(stream, sha256, row.image_id));
      done.originals += 1;
    }
  }
}

async function* checked(stream: AsyncIterable<Buffer>, sha256: string, imageId: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of stream) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') === sha256) return;
  throw new OriginalDamagedError(
    `the original of ${imageId} is damaged in the object store: safelight scrub --repair mends`,
  );
}

function toArchived(row: ExportedRow): ArchivedImage {
  const { latitude, longitude, altitude_metres: altitudeMetres, facts } = row;
  const location = latitude !== null && longitude !== null ? { latitude, longitude } : undefined;
  const placed = location && { ...location, ...(altitudeMetres !== null && { altitudeMetres }) };
  return {
    id: row.image_id,
    sha256: Buffer.from(row.sha256).toString('hex'),
    ...(row.filename !== null && { filename: row.filename }),
    tags: [...row.tags],
    private: row.private,
    createdAt: row.created_at.toISOString(),
    bytes: row.bytes,
    facts: { ...facts, ...(placed && { header: { ...facts.header, location: placed } }) },
  };
}

async function addEvents({ database }: ExportDeps, tenantId: string, tar: TarWriter): Promise<number> {
  let events = 0;
  let afterPosition = 0;
  for (let part = 1; ; part += 1) {
    const page = await readEvents(database, { tenantId, afterPosition, limit: PART_LINES });
    const last = page.at(-1);
    if (!last) return events;
    afterPosition = last.position;
    const lines = Buffer.from(page.map((event) => `${JSON.stringify(toLine(event))}\n`).join(''));
    await tar.add(partName('events', part, lines), lines.length, [lines]);
    events += page.length;
  }
}

function toLine({ position, eventId, type, subject, imageId, actor, at, data, personal }: SealedEvent) {
  return {
    ...{ position, id: eventId, type, at: at.toISOString(), actor, subject },
    ...(imageId !== null && { imageId }),
    data,
    ...(personal !== null && { personal }),
  };
}
