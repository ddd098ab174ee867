import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { acceptImage } from '../images/index.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { ArchiveDamagedError, readTar, type TarEntry } from './tar.ts';
import { type ArchivedImage, kindOfEntry, originalName, readImages } from './tenant-archive.ts';

export interface ImportDeps {
  readonly database: Database;
  readonly store: Pick<ObjectStore, 'putStream' | 'remove'>;
  readonly clock: Clock;
}

export interface ImportRequest {
  readonly tenantId: string;
  /** Canonical texts of what is made of each. */
  readonly transformations: readonly string[];
  /** An image could not keep its id, which is somebody else's. */
  readonly onRenamed: (from: string, to: string) => void;
}

export interface Imported {
  readonly images: number;
  /** Of a former import of the same archive. */
  readonly there: number;
  readonly renamed: number;
  readonly bytes: number;
}

/** Whoever has these ids, of whichever tenant: an id leads to one image in an installation. */
const selectOwners = statement(
  'select_owners_of_images',
  'SELECT image_id AS "imageId", tenant_id AS "tenantId" FROM images WHERE image_id = ANY ($1::text[])',
);

/**
 * Puts the images of an archive that was checked into a tenant: with their ids where these are free, their originals by
 * digest, what is made of them in the `batch` lane. What an import that was broken off has brought stays, and the next
 * passes over it.
 */
export async function importImages(deps: ImportDeps, file: FileHandle, request: ImportRequest): Promise<Imported> {
  const done = { images: 0, there: 0, renamed: 0, bytes: 0 };
  let waiting = new Map<string, readonly ArchivedImage[]>();
  for await (const entry of readTar(file)) {
    const kind = kindOfEntry(entry.name);
    if (kind === 'images') {
      refuseLacking(waiting);
      waiting = await lacking(deps, await readImages(entry), request, done);
    } else if (kind === 'originals') {
      const [, sha256 = ''] = entry.name.split('/');
      const images = waiting.get(sha256) ?? [];
      if (images.length > 0) done.bytes += await accept(deps, request, entry, images);
      waiting.delete(sha256);
      done.images += images.length;
    }
  }
  refuseLacking(waiting);
  return done;
}

function refuseLacking(waiting: ReadonlyMap<string, unknown>): void {
  const [first] = waiting.keys();
  if (first !== undefined) throw new ArchiveDamagedError(`${originalName(first)} is missing`);
}

/** Those that are not there yet, by original, under the ids that they will have. */
async function lacking(
  { database }: ImportDeps,
  images: readonly ArchivedImage[],
  { tenantId, onRenamed }: ImportRequest,
  done: { there: number; renamed: number },
): Promise<Map<string, readonly ArchivedImage[]>> {
  const owners = await ownersOf(database, images);
  const renamed = images.map((image) => {
    const owner = owners.get(image.id);
    return owner === undefined || owner === tenantId ? image : { ...image, id: otherId(image.id, tenantId) };
  });
  const others = await ownersOf(database, renamed);
  const bySha256 = new Map<string, ArchivedImage[]>();
  for (const [index, image] of renamed.entries()) {
    if (others.has(image.id)) {
      done.there += 1;
      continue;
    }
    const from = images[index]?.id ?? image.id;
    if (from !== image.id) {
      done.renamed += 1;
      onRenamed(from, image.id);
    }
    bySha256.set(image.sha256, [...(bySha256.get(image.sha256) ?? []), image]);
  }
  return bySha256;
}

async function ownersOf(database: Database, images: readonly ArchivedImage[]): Promise<Map<string, string>> {
  const ids = images.map(({ id }) => id);
  const rows = await database.query<{ imageId: string; tenantId: string }>(selectOwners, [ids]);
  return new Map(rows.map(({ imageId, tenantId }) => [imageId, tenantId]));
}

const ID_TIME_DIGITS = 12;
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** The same at each import, so that one which was broken off can be done again; and as old as the first. */
function otherId(id: string, tenantId: string): string {
  const [prefix, body = ''] = id.split('_');
  const digest = createHash('sha256').update(`${tenantId} ${id}`).digest();
  const digits = [...digest].slice(0, body.length - ID_TIME_DIGITS).map((byte) => ALPHABET[byte % ALPHABET.length]);
  return `${prefix}_${body.slice(0, ID_TIME_DIGITS)}${digits.join('')}`;
}

async function accept(
  { database, store, clock }: ImportDeps,
  { tenantId, transformations }: ImportRequest,
  entry: TarEntry,
  images: readonly ArchivedImage[],
): Promise<number> {
  const objectKey = `${tenantId}/original/${newId('object', clock)}`;
  const { sha256 } = await store.putStream(objectKey, entry.stream(), { bytesMax: entry.bytes });
  const [, named = ''] = entry.name.split('/');
  if (Buffer.from(sha256).toString('hex') !== named) {
    await store.remove([objectKey]);
    throw new ArchiveDamagedError(`${entry.name} is damaged: its SHA-256 is another`);
  }
  let isReferenced = false;
  for (const image of images) {
    const { duplicate } = await acceptImage(database, clock, {
      ...{ tenantId, objectKey, sha256, transformations, bytes: entry.bytes },
      ...{ facts: image.facts, filename: image.filename, isPrivate: image.private, tags: image.tags },
      archived: { imageId: image.id, createdAt: new Date(image.createdAt) },
      ...{ actor: 'operator', address: undefined },
    });
    isReferenced ||= !duplicate;
  }
  if (!isReferenced) await store.remove([objectKey]);
  return isReferenced ? entry.bytes : 0;
}
