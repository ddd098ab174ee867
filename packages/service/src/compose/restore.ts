import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupUnusableError, endEveryHold, type Manifest, OBJECTS_PATH, openBackup } from '../backup/index.ts';
import type { Database } from '../db/database.ts';
import {
  gatherLog,
  type HeldLog,
  LOG_TOO_SHORT,
  type RecoveryTarget,
  recoverySettings,
} from '../db/embedded/archive.ts';
import { copyDurably } from '../db/embedded/backup-copy.ts';
import { writeDurably } from '../db/embedded/durable.ts';
import { openDatabase } from '../db/open.ts';
import { openFsObjectStore } from '../drivers/fs-object-store/index.ts';
import { fillFolder } from './backup-folder.ts';
import { claimObjects } from './installation.ts';
import { folderSource } from './object-sources.ts';
import { type Lacking, restoreObjects } from './restore-objects.ts';

export interface RestoreRequest {
  readonly backup: string;
  /** Becomes a data folder; absent or empty. */
  readonly to: string;
  /** Undefined: as the backup holds it. */
  readonly at: Date | 'latest' | undefined;
  /** Where SAFELIGHT_ARCHIVE has put the log since the backup. */
  readonly archive: string | undefined;
  /** Other folders where objects may be that were stored after the backup. */
  readonly objects: readonly string[];
  readonly progress: (line: string) => void;
}

export interface Restored {
  readonly installationId: string;
  /** Of the last change that is in it, ISO 8601; null when none was made since the backup began. */
  readonly databaseAsOf: string | null;
  readonly objects: number;
  readonly bytes: number;
  /** Objects that rows name and that are nowhere: the first thousand. */
  readonly lacking: readonly Lacking[];
  readonly lackingTotal: number;
}

/** What was asked for cannot be had from this backup; the message says why, and what can be. */
class RestoreRefusedError extends Error {
  override readonly name = 'RestoreRefusedError';
}

const DATABASE_PATH = 'postgres/data';
const LOG_FOLDER = 'restored-log';
/** Replaying the log of weeks takes hours. */
const RECOVERY_MS_MAX = 24 * 60 * 60 * 1000;
const CONNECTIONS_MAX = 2;

/**
 * Builds a data folder from a backup: the database as of its end, or replayed from the archived log to a later moment,
 * and every object that this database then names. It starts a timeline of its own.
 * @throws BackupUnusableError, RestoreRefusedError, FolderTakenError, ClusterStartError; then there is no such folder.
 */
export async function restoreBackup(request: RestoreRequest): Promise<Restored> {
  const { manifest, files } = await openBackup(request.backup);
  refuseImpossible(request, manifest);
  return fillFolder(request.to, async (partial) => {
    await copyChecked(request, files(), partial);
    if (manifest.database.kind === 'elsewhere') return restoreObjectsAlone(request, manifest, files(), partial);
    for (const path of manifest.database.directories)
      await mkdir(join(partial, DATABASE_PATH, path), { recursive: true, mode: 0o700 });
    request.progress('The files are copied and whole; now the database recovers.');
    return recover(request, manifest.database, partial);
  });
}

function refuseImpossible({ at, archive, backup }: RestoreRequest, { endedAt, database }: Manifest): void {
  if (at === undefined) return;
  if (database.kind === 'elsewhere')
    throw new RestoreRefusedError(
      'this backup holds objects alone: restore its database to that time by its own means',
    );
  if (archive === undefined)
    throw new RestoreRefusedError(
      'a restore to a time needs the log: name its folder by --archive or SAFELIGHT_ARCHIVE',
    );
  if (at instanceof Date && at.toISOString() < endedAt)
    throw new RestoreRefusedError(`${backup} was finished at ${endedAt}: for an earlier time, take an earlier backup`);
}

/** Copies everything but the objects, which the database names. */
async function copyChecked(
  { backup }: RestoreRequest,
  files: AsyncIterable<{ readonly path: string; readonly sha256: string }>,
  partial: string,
): Promise<void> {
  for await (const { path, sha256 } of files) {
    if (path.startsWith(`${OBJECTS_PATH}/`)) continue;
    const to = join(partial, path);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const copied = await copyDurably(join(backup, 'data', path), to);
    if (copied?.sha256.toString('hex') !== sha256)
      throw new BackupUnusableError(
        `${join(backup, 'data', path)} is ${copied ? 'not what was backed up' : 'missing'}`,
      );
  }
}

async function recover(request: RestoreRequest, held: HeldLog, partial: string): Promise<Restored> {
  const { at, archive, progress } = request;
  const log = join(partial, LOG_FOLDER);
  // The server, which may be another user, reads it.
  await mkdir(log, { mode: 0o755 });
  if (at !== undefined && archive !== undefined) {
    const segments = await gatherLog(archive, held, log);
    progress(`The archive has ${segments} segments of the log since the backup began.`);
  }
  const target: RecoveryTarget = at ?? 'consistent';
  await writeFile(join(partial, DATABASE_PATH, 'recovery.signal'), '');
  const opened = await openDatabase({
    url: undefined,
    dataDirectory: partial,
    connectionsMax: CONNECTIONS_MAX,
    settings: recoverySettings(log, target),
    readyMsMax: RECOVERY_MS_MAX,
    log: () => undefined,
    onError: () => undefined,
  }).catch((error: Error) => {
    throw LOG_TOO_SHORT.test(error.message) ? tooShort(request) : error;
  });
  try {
    await endEveryHold(opened.database);
    progress('The database stands; now the objects that it names.');
    return await gather(request, opened.database, partial);
  } finally {
    await opened.close();
    await rm(log, { recursive: true });
    await rm(join(partial, DATABASE_PATH, 'backup_label.old'), { force: true });
  }
}

function tooShort({ archive, at }: RestoreRequest): Error {
  return new RestoreRefusedError(
    `the log in ${archive} has no change after ${at instanceof Date ? at.toISOString() : at}, so its end may be missing: wait ` +
      'until the node has archived more (a minute, or its stop), or restore all there is by --at latest',
  );
}

async function gather(request: RestoreRequest, database: Database, partial: string): Promise<Restored> {
  const { backup, objects, to } = request;
  const sources = await Promise.all([backup, ...objects].map(folderSource));
  const store = await openFsObjectStore({ directory: join(partial, OBJECTS_PATH) });
  const { files } = await openBackup(backup);
  const result = await restoreObjects({ database, store, sources, backup, files: files() });
  await claimObjects(database, store);
  const [row] = await database.query<{ id: string; at: Date | null; position: number }>(
    `SELECT i.installation_id AS id, pg_last_xact_replay_timestamp() AS at, s.log_position AS position
     FROM installation i, sealer_state s`,
  );
  const installationId = row?.id ?? '';
  const databaseAsOf = row?.at?.toISOString() ?? null;
  const told = { backup, to, at: request.at ?? null, installationId, databaseAsOf, logPosition: row?.position ?? 0 };
  writeDurably(join(partial, 'restored.json'), `${JSON.stringify(told, undefined, 2)}\n`);
  return { installationId, databaseAsOf, ...result };
}

/** Of a database that is kept by other means: its objects, as the list of files tells them. */
async function restoreObjectsAlone(
  { backup, progress }: RestoreRequest,
  { installationId }: Manifest,
  files: AsyncIterable<{ readonly path: string; readonly bytes: number; readonly sha256: string }>,
  partial: string,
): Promise<Restored> {
  progress('These are objects alone: the database is restored by its own means, before or after.');
  const done = { objects: 0, bytes: 0 };
  for await (const { path, bytes, sha256 } of files) {
    if (!path.startsWith(`${OBJECTS_PATH}/`)) continue;
    const to = join(partial, path);
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    const copied = await copyDurably(join(backup, 'data', path), to, 0o444);
    if (copied?.sha256.toString('hex') !== sha256)
      throw new BackupUnusableError(
        `${join(backup, 'data', path)} is ${copied ? 'not what was backed up' : 'missing'}`,
      );
    done.objects += 1;
    done.bytes += bytes;
  }
  return { installationId, databaseAsOf: null, ...done, lacking: [], lackingTotal: 0 };
}
