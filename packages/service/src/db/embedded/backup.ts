import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { nextSegment } from './archive.ts';
import { copyDurably, type FileDigest } from './backup-copy.ts';
import { writeDurably } from './durable.ts';

export interface ClusterCopyOptions {
  /** A superuser's connection; its session lasts as long as the backup. */
  readonly connection: pg.ClientConfig;
  /** The cluster's data folder. */
  readonly data: string;
  /** A fresh folder, which becomes a data folder that recovers by itself. */
  readonly to: string;
  /** Told of every file, by its path below `to`. */
  readonly onFile: (path: string, file: FileDigest) => void;
}

/** A copy of a running cluster. */
export interface ClusterCopy {
  /** The first and the last segment of the log that make the copy consistent; both are in it. */
  readonly walFirst: string;
  readonly walLast: string;
  /** When it was finished, by the database's clock: what was committed by then is in it. */
  readonly endedAt: Date;
  /** Folders below the copy, for whoever puts it back: empty ones are needed too. */
  readonly directories: readonly string[];
}

/** The copy cannot be used: the message says why. */
class ClusterCopyError extends Error {
  override readonly name = 'ClusterCopyError';
}

/** Of no use to another server, or harmful (PostgreSQL's documentation, "Making a Base Backup Using the Low Level API"). */
const LEFT_EMPTY: ReadonlySet<string> = new Set(
  'pg_wal pg_replslot pg_dynshmem pg_notify pg_serial pg_snapshots pg_stat_tmp pg_subtrans'.split(' '),
);
const LEFT_OUT =
  /^(?:postmaster\.(?:pid|opts)|backup_label(?:\.old)?|tablespace_map(?:\.old)?|(?:standby|recovery)\.signal|.*pg_internal\.init(?:\.\d+)?|pgsql_tmp.*|.*\.tmp)$/;
/** Copied last, as pg_basebackup does: it tells where the log stands. */
const CONTROL_FILE = 'global/pg_control';
const SEGMENT = /^[0-9A-F]{24}$/;
/** Half of libuv's threads. */
const COPIES_AT_ONCE = 2;

/**
 * Copies a cluster while it runs and is written to: the files as they come, and the log that makes them consistent. A
 * replication slot of this session keeps that log from being recycled meanwhile.
 * @throws ClusterCopyError, or the connection's own error; then the copy is worthless.
 */
export async function copyCluster(options: ClusterCopyOptions): Promise<ClusterCopy> {
  const client = new pg.Client(options.connection);
  // A lost session fails the next query, with more to say.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const slot = `safelight_backup_${randomBytes(6).toString('hex')}`;
    await client.query('SELECT pg_create_physical_replication_slot($1, true, true)', [slot]);
    const started = await client.query<{ wal: string }>(
      `SELECT pg_walfile_name(pg_backup_start('safelight', true)) AS wal`,
    );
    const directories = await copyFiles(options);
    const stopped = await client.query<{ label: string; map: string; wal: string }>(
      `SELECT labelfile AS label, spcmapfile AS map, pg_walfile_name(lsn) AS wal FROM pg_backup_stop(false)`,
    );
    const [{ label, map, wal: walLast } = { label: '', map: '', wal: '' }] = stopped.rows;
    if (map.trim() !== '') throw new ClusterCopyError('the database has tablespaces, which this backup does not hold');
    const walFirst = started.rows[0]?.wal ?? '';
    const log = await copyLog(options, walFirst, walLast);
    await addLabel(options, label);
    const clock = await client.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    const endedAt = clock.rows[0]?.now;
    if (!endedAt || log === 0) throw new ClusterCopyError('the database told no end of the backup');
    return { walFirst, walLast, endedAt, directories };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function addLabel({ to, onFile }: ClusterCopyOptions, label: string): Promise<void> {
  const draft = join(to, 'backup_label.draft');
  writeDurably(draft, label);
  const copied = await copyDurably(draft, join(to, 'backup_label'));
  if (!copied) throw new ClusterCopyError('the label of the backup vanished');
  onFile('backup_label', copied);
}

/** @returns the folders. */
async function copyFiles(options: ClusterCopyOptions): Promise<string[]> {
  const { data, to, onFile } = options;
  const { directories, files } = await listTree(data);
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const path of directories) await mkdir(join(to, path), { mode: 0o700 });
  const left = files.filter((path) => path !== CONTROL_FILE);
  const copyNext = async () => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) await copyOne(path);
  };
  const copyOne = async (path: string) => {
    const copied = await copyDurably(join(data, path), join(to, path));
    if (copied) onFile(path, copied);
  };
  await Promise.all(Array.from({ length: COPIES_AT_ONCE }, copyNext));
  await copyOne(CONTROL_FILE);
  return directories;
}

/** Folders, parents first, and files below `root`, without what does not belong into a copy. */
async function listTree(root: string, below = ''): Promise<{ directories: string[]; files: string[] }> {
  const directories: string[] = [];
  const files: string[] = [];
  // Tables are made and dropped meanwhile: what vanished is put right by the log.
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
  for (const entry of entries) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (LEFT_OUT.test(entry.name)) continue;
    if (entry.isSymbolicLink()) throw new ClusterCopyError(`${path} of the database is a link, which no backup holds`);
    if (entry.isFile()) files.push(path);
    if (!entry.isDirectory()) continue;
    directories.push(path);
    if (LEFT_EMPTY.has(path)) continue;
    const inner = await listTree(root, path);
    directories.push(...inner.directories);
    files.push(...inner.files);
  }
  return { directories, files };
}

/** Every segment from the first to the last, and the histories of timelines. @returns how many segments. */
async function copyLog({ data, to, onFile }: ClusterCopyOptions, first: string, last: string): Promise<number> {
  if (!SEGMENT.test(first) || !SEGMENT.test(last))
    throw new ClusterCopyError('the database named no log of the backup');
  const histories = (await readdir(join(data, 'pg_wal'))).filter((name) => name.endsWith('.history'));
  const segments = [first];
  for (let name = first; name < last; ) {
    name = nextSegment(name);
    segments.push(name);
  }
  for (const name of [...histories, ...segments]) {
    const copied = await copyDurably(join(data, 'pg_wal', name), join(to, 'pg_wal', name));
    if (!copied) throw new ClusterCopyError(`${name} of the database's log was recycled before it was copied`);
    onFile(`pg_wal/${name}`, copied);
  }
  return segments.length;
}
