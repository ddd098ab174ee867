import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupFiles, type Manifest, RemovalHold } from '../backup/index.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { Database } from '../db/database.ts';
import { copyCluster } from '../db/embedded/backup.ts';
import { copyDurably } from '../db/embedded/backup-copy.ts';
import { SUPERUSER } from '../db/embedded/folder.ts';
import { DATABASE_URL_FILE } from '../db/open.ts';
import { readVersion } from '../version.ts';
import { fillFolder } from './backup-folder.ts';
import { ObjectsCopy } from './backup-objects.ts';
import { openObjectStore } from './object-store.ts';
import { withDatabase } from './tools.ts';

export interface BackupRequest {
  /** Becomes the backup; absent or empty. */
  readonly folder: string;
  /** Copies objects also where links would do, so that damage to one does not reach the other. */
  readonly copies: boolean;
  /** Makes the backup of a database that is not embedded, while no object is removed. */
  readonly databaseCommand: string | undefined;
  readonly progress: (line: string) => void;
}

export interface MadeBackup extends Manifest {
  /** Objects that are not what their rows say; a scrub names them. The first hundred. */
  readonly damaged: readonly string[];
}

/** The command that was to back up the database failed. */
class DatabaseCommandError extends Error {
  override readonly name = 'DatabaseCommandError';
}

/** What the command says is progress; the answer is ours. */
const STDERR = 2;
/** What belongs to a node, a run or a build, not to the installation. */
const LEFT_OUT = /^(?:node-id|database-url|.*\.lock\..*|.*\.draft)$/;

/**
 * Backs up database and objects while nodes run, in this order: removals are held up; the database is copied, consistent
 * as of the end of its copy; then every object that the store lists. An object that a row of the copy names was stored
 * before that row was committed, and nothing has been removed since, so it is there.
 * @throws FolderTakenError, ClusterCopyError, HoldLostError, DatabaseCommandError; then there is no backup.
 */
export function backUp(config: Config, request: BackupRequest): Promise<MadeBackup> {
  return withDatabase(config, (database) =>
    fillFolder(request.folder, async (partial) => {
      const hold = await RemovalHold.take(database, systemClock);
      try {
        return await new Backup(config, request, database, hold, partial).run();
      } finally {
        await hold.release().catch(() => undefined);
      }
    }),
  );
}

class Backup {
  readonly #config: Config;
  readonly #request: BackupRequest;
  readonly #database: Database;
  readonly #hold: RemovalHold;
  readonly #partial: string;
  readonly #data: string;

  constructor(config: Config, request: BackupRequest, database: Database, hold: RemovalHold, partial: string) {
    this.#config = config;
    this.#request = request;
    this.#database = database;
    this.#hold = hold;
    this.#partial = partial;
    this.#data = join(partial, 'data');
  }

  async run(): Promise<MadeBackup> {
    const { progress } = this.#request;
    const startedAt = await this.#now();
    await mkdir(this.#data, { mode: 0o700 });
    const files = await BackupFiles.begin(this.#partial);
    try {
      const isEmbedded = this.#config.DATABASE_URL === undefined;
      const copied = isEmbedded ? await this.#copyDatabase(files) : await this.#runDatabaseCommand();
      const { endedAt, database } = copied;
      progress('The database is copied; now the objects.');
      const store = await openObjectStore(this.#config);
      const { copies } = this.#request;
      const copy = new ObjectsCopy({ database: this.#database, store, files, data: this.#data, copies });
      const { objects, damaged } = await copy.run();
      const installationId = await this.#installationId();
      await this.#hold.confirm();
      const about = { safelight: readVersion(), installationId, objects, database };
      const manifest = await files.end({
        ...about,
        startedAt: startedAt.toISOString(),
        endedAt: endedAt.toISOString(),
      });
      return { ...manifest, damaged };
    } finally {
      await files.close().catch(() => undefined);
    }
  }

  async #copyDatabase(files: BackupFiles): Promise<{ endedAt: Date; database: Manifest['database'] }> {
    const { SAFELIGHT_DATA: data } = this.#config;
    const url = (await readFile(join(data, DATABASE_URL_FILE), 'utf8')).trim();
    const passwordFile = join('postgres', 'superuser-password');
    const password = (await readFile(join(data, passwordFile), 'utf8')).trim();
    await mkdir(join(this.#data, 'postgres'), { mode: 0o700 });
    const { walFirst, walLast, endedAt, directories } = await copyCluster({
      connection: { ...addressOf(url), user: SUPERUSER, password, database: 'postgres' },
      data: join(data, 'postgres', 'data'),
      to: join(this.#data, 'postgres', 'data'),
      onFile: (path, file) => files.add(`postgres/data/${path}`, file),
    });
    await this.#copyFile(files, passwordFile);
    for (const entry of await readdir(data, { withFileTypes: true })) {
      if (entry.isFile() && !LEFT_OUT.test(entry.name)) await this.#copyFile(files, entry.name);
    }
    return { endedAt, database: { kind: 'embedded', walFirst, walLast, directories: [...directories] } };
  }

  async #copyFile(files: BackupFiles, path: string): Promise<void> {
    const copied = await copyDurably(join(this.#config.SAFELIGHT_DATA, path), join(this.#data, path));
    if (copied) files.add(path, copied);
  }

  async #runDatabaseCommand(): Promise<{ endedAt: Date; database: Manifest['database'] }> {
    const { databaseCommand: command, progress } = this.#request;
    if (command !== undefined) {
      progress(`No object is removed from now on. The database is backed up by: ${command}`);
      const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', STDERR, STDERR] });
      const [code, signal] = await once(child, 'close');
      if (code !== 0) throw new DatabaseCommandError(`the command for the database ended with ${code ?? signal}`);
    }
    return { endedAt: await this.#now(), database: { kind: 'elsewhere' } };
  }

  async #installationId(): Promise<string> {
    const [row] = await this.#database.query<{ id: string }>('SELECT installation_id AS id FROM installation');
    invariant(row, 'the migration gave the installation its id');
    return row.id;
  }

  async #now(): Promise<Date> {
    const [row] = await this.#database.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    invariant(row, 'a database tells the time');
    return row.now;
  }
}

function addressOf(url: string): { host: string; port: number } {
  const { searchParams } = new URL(url.replace('@/', '@socket/'));
  return { host: searchParams.get('host') ?? '', port: Number(searchParams.get('port')) };
}
