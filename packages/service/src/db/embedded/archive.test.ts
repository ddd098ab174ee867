import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../open.ts';
import { gatherLog, isArchiveFailure } from './archive.ts';
import { clusterTemplate, eventually, query, temporaryFolder } from './fixture.ts';
import { startEmbeddedCluster } from './index.ts';

const segment = (position: number, timeline = 1) =>
  [timeline, Math.floor(position / 256), position % 256]
    .map((part) => part.toString(16).toUpperCase().padStart(8, '0'))
    .join('');

/** An archive of these files. */
function archiveOf(...names: string[]): string {
  const folder = temporaryFolder();
  for (const name of names) writeFileSync(join(folder, `${name}.gz`), '');
  return folder;
}

describe('the log of an archive', () => {
  const held = { walFirst: segment(254), walLast: segment(255) };

  test('is gathered from where a backup begins, with the histories of timelines', async () => {
    const into = join(temporaryFolder(), 'log');
    const wanted = [segment(254), segment(255), segment(256), segment(257), segment(257, 2), '00000002.history'];
    const archive = archiveOf(segment(253), ...wanted, `${segment(254)}.00000028.backup`, `${segment(257)}.partial`);
    expect(await gatherLog(archive, held, into)).toBe(5);
    expect(readdirSync(into).sort()).toEqual(wanted.map((name) => `${name}.gz`).sort());
  });

  test.each([
    ['in its middle', [segment(255), segment(257)], segment(256)],
    ['between the backup and its beginning', [segment(257)], segment(256)],
  ])('that has a gap %s is refused, since that would look like its end', async (_, names, missing) => {
    const into = join(temporaryFolder(), 'log');
    await expect(gatherLog(archiveOf(...names), held, into)).rejects.toThrow(`has a gap: ${missing} is missing`);
  });
});

describe('a cluster that archives', () => {
  const newCluster = clusterTemplate();

  test('does so at its stop too, never over another log, and says what hinders it', async () => {
    const archive = join(temporaryFolder(), "it's 100% an archive");
    const lines: string[] = [];
    const log = (line: string) => void lines.push(line);
    const first = await startEmbeddedCluster({ directory: newCluster(), log, archive });
    await query(first.connection, 'CREATE TABLE t (n int)');
    await first.stop();
    const kept = readdirSync(archive);
    expect(kept.length).toBeGreaterThan(0);
    expect(lines.filter(isArchiveFailure)).toEqual([]);
    // A copy of the same cluster that goes another way on the same timeline.
    const second = await startEmbeddedCluster({ directory: newCluster(), log, archive });
    await query(second.connection, 'CREATE TABLE u (n int); SELECT pg_switch_wal()');
    await eventually(() => lines.some(isArchiveFailure), 'the failure is told');
    await second.stop();
    expect(readdirSync(archive)).toEqual(kept);
  });

  test('is the embedded one alone', async () => {
    const nobody = {
      dataDirectory: temporaryFolder(),
      connectionsMax: 2,
      log: () => undefined,
      onError: () => undefined,
    };
    const opened = openDatabase({ ...nobody, url: 'postgres://u:p@127.0.0.1:1/x', archive: 'archive' });
    await expect(opened).rejects.toThrow(/SAFELIGHT_ARCHIVE is for the embedded database alone/);
  });
});
