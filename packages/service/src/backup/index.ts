/**
 * Backups and scrubs: what keeps objects while they are copied, what a backup's folder holds, and the walk that reads
 * every object again and mends what is not what its row says. The commands are joined in compose/backup.ts,
 * compose/restore.ts and compose/scrub.ts.
 */
export { endEveryHold, isRemovalHeld, RemovalHold } from './hold.ts';
export {
  BackupFiles,
  BackupUnusableError,
  type Manifest,
  OBJECTS_PATH,
  openBackup,
} from './manifest.ts';
export { describeObjects, type NamedObject, namedObjects } from './named-objects.ts';
export { type Scrubbed, type ScrubOptions, scrubObjects } from './scrub.ts';
export type { ObjectSource } from './source.ts';
