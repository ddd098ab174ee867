import { chown, copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerUser } from '../../packages/service/src/db/embedded/launch.ts';

/** What belongs to the server that runs on the folder, or is fetched from it, and not to a backup. */
const LEFT_OUT = new Set(['postmaster.pid', 'postmaster.opts', 'standby.signal', 'backup_label']);
const LEFT_EMPTY = new Set(['pg_wal', 'pg_replslot', 'pg_stat_tmp', 'pg_notify', 'pg_subtrans', 'pg_dynshmem']);

/** Copies the files of a PostgreSQL that works meanwhile, between pg_backup_start and pg_backup_stop. */
export async function copyDataFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (LEFT_OUT.has(entry.name)) continue;
    if (LEFT_EMPTY.has(entry.name)) await mkdir(target, { mode: 0o700 });
    else if (entry.isDirectory()) await copyDataFolder(source, target);
    else await copyFile(source, target).catch(unlessGone);
  }
}

/** Hands a folder and all in it to the user of the server. */
export async function giveAll(folder: string, user: ServerUser | undefined): Promise<void> {
  if (!user) return;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await chown(join(entry.parentPath, entry.name), user.uid, user.gid);
  await chown(folder, user.uid, user.gid);
}

/** Temporary files come and go while the folder is walked. */
function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
