import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

/*
 * A backup is a folder:
 *   manifest.json   what it is; written last, and the folder gets its name after that
 *   files.jsonl     a line for each file below data/: path, bytes, SHA-256
 *   data/           as a node's data folder: postgres/, objects/, keys
 */

const MANIFEST = 'manifest.json';
const FILES = 'files.jsonl';
/** Where the objects lie, below data/. */
export const OBJECTS_PATH = 'objects';
const FORMAT = 1;
const WRITE_BYTES = 64 * 1024;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.object({
  format: z.literal(FORMAT),
  safelight: z.string(),
  installationId: z.string(),
  startedAt: z.iso.datetime(),
  /** By the database's clock: everything that was committed by then is in it. */
  endedAt: z.iso.datetime(),
  database: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('embedded'),
      /** The first segment of the log that a restore needs. */
      walFirst: z.string(),
      /** The last one that the backup holds itself. */
      walLast: z.string(),
      directories: z.array(z.string()),
    }),
    /** Kept by other means: these are its objects alone. */
    z.object({ kind: z.literal('elsewhere') }),
  ]),
  objects: z.int().nonnegative(),
  files: z.object({ count: z.int().nonnegative(), bytes: z.int().nonnegative(), sha256: sha256Schema }),
});

const fileSchema = z.object({
  /** Below data/; never out of it. */
  path: z.string().refine((path) => !path.startsWith('/') && !path.split('/').includes('..')),
  bytes: z.int().nonnegative(),
  sha256: sha256Schema,
});

/** What a backup is. */
export type Manifest = z.infer<typeof manifestSchema>;
type BackupFile = z.infer<typeof fileSchema>;

/** A folder that is no whole backup; the message says why. */
export class BackupUnusableError extends Error {
  override readonly name = 'BackupUnusableError';
}

/** Writes the list of a backup's files while they are copied. */
export class BackupFiles {
  readonly #folder: string;
  readonly #file: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  #lines: string[] = [];
  #length = 0;
  #count = 0;
  #bytes = 0;
  #written: Promise<void> = Promise.resolve();

  private constructor(folder: string, file: FileHandle) {
    this.#folder = folder;
    this.#file = file;
  }

  static async begin(folder: string): Promise<BackupFiles> {
    return new BackupFiles(folder, await open(join(folder, FILES), 'wx', 0o600));
  }

  add(path: string, { bytes, sha256 }: { readonly bytes: number; readonly sha256: Uint8Array }): void {
    const line = `${JSON.stringify({ path, bytes, sha256: Buffer.from(sha256).toString('hex') } satisfies BackupFile)}\n`;
    this.#lines.push(line);
    this.#length += line.length;
    this.#count += 1;
    this.#bytes += bytes;
    if (this.#length >= WRITE_BYTES) this.#flush();
  }

  /** Writes what is gathered and the manifest; both are on stable storage then, and so is nothing else. */
  async end(about: Omit<Manifest, 'format' | 'files'>): Promise<Manifest> {
    this.#flush();
    await this.#written;
    await this.#file.sync();
    await this.close();
    const files = { count: this.#count, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
    const manifest: Manifest = { format: FORMAT, ...about, files };
    const file = await open(join(this.#folder, MANIFEST), 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    return manifest;
  }

  async close(): Promise<void> {
    await this.#written.catch(() => undefined);
    await this.#file.close();
  }

  #flush(): void {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#length = 0;
    this.#hash.update(text);
    this.#written = this.#written.then(() => this.#file.writeFile(text));
    // Told of by `end`.
    this.#written.catch(() => undefined);
  }
}

/**
 * Reads what a backup is, and makes sure that the list of its files is whole.
 * @throws BackupUnusableError
 */
export async function openBackup(
  folder: string,
): Promise<{ manifest: Manifest; files: () => AsyncGenerator<BackupFile> }> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new BackupUnusableError(
      error.code === 'ENOENT' || error.code === 'ENOTDIR'
        ? `${folder} is no backup, or one that was not finished: it has no ${MANIFEST}`
        : `${folder} cannot be read: ${error.message}`,
    );
  });
  const manifest = parse(text);
  if (!manifest) throw new BackupUnusableError(`${join(folder, MANIFEST)} is no manifest that this version reads`);
  if ((await hashOf(join(folder, FILES))) !== manifest.files.sha256) {
    throw new BackupUnusableError(`${join(folder, FILES)} is not the list that the backup was finished with`);
  }
  return { manifest, files: () => readFiles(folder) };
}

function parse(text: string): Manifest | undefined {
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  } catch (error) {
    throw new BackupUnusableError(`${path} cannot be read: ${(error as Error).message}`);
  }
  return hash.digest('hex');
}

async function* readFiles(folder: string): AsyncGenerator<BackupFile> {
  const stream = createReadStream(join(folder, FILES));
  try {
    for await (const line of createInterface({ input: stream })) yield fileSchema.parse(JSON.parse(line));
  } finally {
    stream.destroy();
  }
}
