/**
 * Backups, scrubs and the archives of single tenants: what keeps objects while they are copied, what a backup's folder holds, and the walk that reads
 * every object again and mends what is not what its row says, and what a tenant takes along. The commands are joined in
 * compose/backup.ts, compose/restore.ts, compose/scrub.ts and compose/tenant-archive.ts.
 */
export { exportTenant } from './export-tenant.ts';
export { endEveryHold, isRemovalHeld, RemovalHold } from './hold.ts';
export { type Imported, importImages } from './import-tenant.ts';
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
export { type ArchiveEnd, type ArchiveManifest, checkArchive, FORMAT, FORMAT_VERSION } from './tenant-archive.ts';
