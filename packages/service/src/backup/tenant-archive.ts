import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { tenantSettingsSchema } from '@safelight/contract';
import { z } from 'zod';
import { isId } from '../core/ids.ts';
import { sourceFactsSchema } from '../renditions/index.ts';
import { ArchiveDamagedError, readTar, type TarEntry } from './tar.ts';

/*
 * A tenant's archive is a tar; docs/EXPORT.md describes it:
 *   manifest.json                what it is, and how the tenant is treated
 *   images/NNNNNN-SHA256.ndjson  images, a line each; behind it the originals that it names, unless they came before it
 *   originals/SHA256             the bytes as they were sent
 *   events/NNNNNN-SHA256.ndjson  the log, a line each; for reading
 *   end.json                     how many of each there are; without it the archive was cut off
 * Where a name has a SHA-256, it is that of the entry's bytes.
 */

export const FORMAT = 'safelight-tenant';
export const FORMAT_VERSION = 1;
export const MANIFEST = 'manifest.json';
export const END = 'end.json';
/** Lines of one part: a part is held in memory. */
export const PART_LINES = 200;
const PART_BYTES_MAX = 64 * 1024 * 1024;
const DOCUMENT_BYTES_MAX = 1024 * 1024;

const LINE_FEED = 0x0a;
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const archiveManifestSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  safelight: z.string(),
  exportedAt: z.iso.datetime(),
  tenant: z.object({
    id: z.string(),
    name: z.string(),
    displayName: z.string().optional(),
    plan: z.string(),
    unsignedUrls: z.enum(['presets', 'open']),
    iiif: z.enum(['off', 'tiles', 'open']),
    keepsLocation: z.boolean(),
    settings: tenantSettingsSchema,
  }),
  presets: z.array(z.object({ name: z.string(), transformation: z.string(), onUpload: z.boolean() })),
});
export type ArchiveManifest = z.infer<typeof archiveManifestSchema>;

const archivedImageSchema = z.object({
  id: z.string().refine((id) => isId('image', id), 'is no id of an image'),
  sha256: sha256Schema,
  filename: z.string().max(255).optional(),
  tags: z.array(z.string().min(1).max(64)),
  private: z.boolean(),
  createdAt: z.iso.datetime(),
  bytes: z.int().positive(),
  /** What the probe found; with the place, if the tenant keeps it. */
  facts: sourceFactsSchema,
});
export type ArchivedImage = z.infer<typeof archivedImageSchema>;

const endSchema = z.object({
  images: z.int().nonnegative(),
  originals: z.int().nonnegative(),
  events: z.int().nonnegative(),
  manifestSha256: sha256Schema,
});
export type ArchiveEnd = z.infer<typeof endSchema>;

export function partName(kind: 'images' | 'events', number: number, bytes: Uint8Array): string {
  return `${kind}/${String(number).padStart(6, '0')}-${sha256Of(bytes)}.ndjson`;
}

export function originalName(sha256: string): string {
  return `originals/${sha256}`;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What an entry is, by its name. */
export function kindOfEntry(name: string): 'manifest' | 'images' | 'originals' | 'events' | 'end' | undefined {
  if (name === MANIFEST) return 'manifest';
  if (name === END) return 'end';
  if (/^originals\/[0-9a-f]{64}$/.test(name)) return 'originals';
  const [, kind] = /^(images|events)\/\d{6,9}-[0-9a-f]{64}\.ndjson$/.exec(name) ?? [];
  return kind as 'images' | 'events' | undefined;
}

/**
 * Reads the whole archive once and holds every entry against its name, the counts and each other.
 * @throws ArchiveDamagedError that names the first entry which is not as it was written.
 */
export async function checkArchive(file: FileHandle): Promise<{ manifest: ArchiveManifest; end: ArchiveEnd }> {
  let manifest: { readonly value: ArchiveManifest; readonly sha256: string } | undefined;
  let end: ArchiveEnd | undefined;
  const counted = { images: 0, originals: 0, events: 0 };
  for await (const entry of readTar(file)) {
    const kind = kindOfEntry(entry.name);
    if (kind === undefined || end || (kind === 'manifest') === (manifest !== undefined)) {
      throw new ArchiveDamagedError(`${entry.name} does not belong there`);
    }
    if (kind === 'manifest') {
      const bytes = await readEntry(entry, DOCUMENT_BYTES_MAX);
      manifest = { value: parseEntry(entry.name, bytes.toString(), archiveManifestSchema), sha256: sha256Of(bytes) };
    } else if (kind === 'end') {
      end = parseEntry(entry.name, (await readEntry(entry, DOCUMENT_BYTES_MAX)).toString(), endSchema);
    } else {
      const lines = await checkDigest(entry);
      counted[kind] += kind === 'originals' ? 1 : lines;
    }
  }
  if (!manifest || !end) throw new ArchiveDamagedError(`${manifest ? END : MANIFEST} is missing`);
  if (manifest.sha256 !== end.manifestSha256) throw new ArchiveDamagedError(`${MANIFEST} and ${END} do not fit`);
  for (const kind of ['images', 'originals', 'events'] as const) {
    if (counted[kind] === end[kind]) continue;
    throw new ArchiveDamagedError(`there are ${counted[kind]} ${kind} where ${END} tells of ${end[kind]}`);
  }
  return { manifest: manifest.value, end };
}

/** @returns the line feeds in it. */
async function checkDigest(entry: TarEntry): Promise<number> {
  const hash = createHash('sha256');
  let lines = 0;
  const isPart = !entry.name.startsWith('originals/');
  for await (const chunk of entry.stream() as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (isPart) for (const byte of chunk) if (byte === LINE_FEED) lines += 1;
  }
  const [, said] = /([0-9a-f]{64})/.exec(entry.name) ?? [];
  if (hash.digest('hex') !== said) throw new ArchiveDamagedError(`${entry.name} is damaged: its SHA-256 is another`);
  return lines;
}

/** The images of a part. */
export async function readImages(entry: TarEntry): Promise<ArchivedImage[]> {
  const text = (await readEntry(entry, PART_BYTES_MAX)).toString();
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => parseEntry(entry.name, line, archivedImageSchema));
}

async function readEntry(entry: TarEntry, bytesMax: number): Promise<Buffer> {
  if (entry.bytes === 0 || entry.bytes > bytesMax)
    throw new ArchiveDamagedError(`${entry.name} has ${entry.bytes} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of entry.stream() as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parseEntry<T>(name: string, text: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new ArchiveDamagedError(`${name} does not say what it should`, { cause: error });
  }
}
