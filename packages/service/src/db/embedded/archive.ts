import { mkdirSync, realpathSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { copyDurably } from './backup-copy.ts';
import { ClusterStartError, EmbeddedUnavailableError } from './errors.ts';
import { give } from './folder.ts';
import type { ServerUser } from './launch.ts';

/*
 * The archive: a folder with every segment of the database's log, `NAME.gz`, since it was first set. A segment is
 * closed after a minute although it is hardly begun, and is then mostly zeros: without compression an installation that
 * does next to nothing would fill 23 GB a day.
 */

/** Commits are in the archive after this time, or when the node has stopped. */
const ARCHIVE_TIMEOUT_SECONDS = 60;
const COMPRESSED = '.gz';
const SEGMENT = /^[0-9A-F]{24}$/;
/** Of 16 MB, initdb's default; the second part of the name counts 4 GB. */
const SEGMENTS_PER_LOG = 256;

/** Makes the folder, the server's own. @returns its real path. @throws ClusterStartError, EmbeddedUnavailableError */
export function prepareArchive(folder: string, user: ServerUser | undefined): string {
  if (process.platform !== 'linux') {
    throw new EmbeddedUnavailableError('SAFELIGHT_ARCHIVE needs the commands of Linux: leave it empty here');
  }
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    give(folder, user);
    return realpathSync(folder);
  } catch (error) {
    throw new ClusterStartError(`the archive ${folder} cannot be used: ${(error as Error).message}`);
  }
}

/** Settings by which a server archives. What it archives twice, after a crash, must be the same both times. */
export function archiveSettings(folder: string): Record<string, string> {
  const file = `${shellText(folder)}/%f${COMPRESSED}`;
  const draft = `${shellText(folder)}/%f.draft`;
  return {
    archive_mode: 'on',
    archive_timeout: `${ARCHIVE_TIMEOUT_SECONDS}s`,
    archive_command:
      `if test -e ${file}; then gzip -dc ${file} | cmp -s - "%p"; ` +
      `else gzip -1c "%p" > ${draft} && sync ${draft} && mv ${draft} ${file} && sync ${shellText(folder)}; fi`,
  };
}

/** Whether a line of the server's log says that it could not archive; it goes on, and tries again. */
export function isArchiveFailure(line: string): boolean {
  return line.includes('archive command failed');
}

/** Until when a restored database follows the log: a moment; what the archive holds; or as soon as it is whole. */
export type RecoveryTarget = Date | 'latest' | 'consistent';

/** Settings by which a server recovers from the segments in `folder` ({@link gatherLog}), once. */
export function recoverySettings(folder: string, target: RecoveryTarget): Record<string, string> {
  const file = `${shellText(folder)}/%f${COMPRESSED}`;
  return {
    // A code above 125 stops the recovery: a damaged segment must not look like the end of the log.
    restore_command: `test -e ${file} || exit 1; gzip -dc ${file} > "%p" || exit 200`,
    recovery_target_action: 'promote',
    ...(target === 'consistent' && { recovery_target: 'immediate' }),
    // The server does not know the name Z yet when it reads its command line.
    ...(target instanceof Date && { recovery_target_time: target.toISOString().replace('Z', '+00') }),
    // Nobody connects before it is done.
    hot_standby: 'off',
    archive_mode: 'off',
  };
}

/** What the server says when the log ends before the moment that was asked for. */
export const LOG_TOO_SHORT = /recovery ended before configured recovery target was reached/;

/** The segments of the log that a backup holds. */
export interface HeldLog {
  readonly walFirst: string;
  readonly walLast: string;
}

/**
 * Copies from an archive what a recovery of a backup may need: a copy, because the server may be a user who must not read
 * the archive. @returns how many segments. @throws ClusterStartError when the archive has a gap, which would look like
 * its end.
 */
export async function gatherLog(archive: string, held: HeldLog, into: string): Promise<number> {
  const { walFirst: first, walLast } = held;
  await mkdir(into, { recursive: true, mode: 0o755 });
  const names = (await readdir(archive)).filter((file) => file.endsWith(COMPRESSED)).sort();
  let segments = 0;
  let last: string | undefined;
  for (const file of names) {
    const name = file.slice(0, -COMPRESSED.length);
    const isSegment = SEGMENT.test(name);
    if (isSegment ? positionOf(name) < positionOf(first) : !name.endsWith('.history')) continue;
    if (isSegment) refuseGap(archive, last ?? walLast, name, last === undefined);
    await copyDurably(join(archive, file), join(into, file), 0o644);
    if (!isSegment) continue;
    last = name;
    segments += 1;
  }
  return segments;
}

/** @param isFirst of the archive's: it may also be one that the backup holds, or of a later timeline. */
function refuseGap(archive: string, before: string, name: string, isFirst: boolean): void {
  const next = nextSegment(before);
  const follows = isFirst
    ? positionOf(name) <= positionOf(next)
    : timelineOf(before) !== timelineOf(name) || next === name;
  if (!follows) throw new ClusterStartError(`the archive ${archive} has a gap: ${next} is missing`);
}

/** The segment of the log that follows. */
export function nextSegment(name: string): string {
  const log = Number.parseInt(name.slice(8, 16), 16);
  const segment = Number.parseInt(name.slice(16), 16) + 1;
  const [nextLog, next] = segment === SEGMENTS_PER_LOG ? [log + 1, 0] : [log, segment];
  return timelineOf(name) + hex(nextLog) + hex(next);
}

function timelineOf(name: string): string {
  return name.slice(0, 8);
}

/** Its place in the log, whatever the timeline. */
function positionOf(name: string): string {
  return name.slice(8);
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(8, '0');
}

/** A word of the shell, in a setting whose `%` are doubled. */
function shellText(path: string): string {
  return `'${path.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`;
}
