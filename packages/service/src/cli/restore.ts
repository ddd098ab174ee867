import { resolve } from 'node:path';
import type { Command } from 'commander';
import { restoreBackup } from '../compose.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

interface Options {
  readonly toData: string;
  readonly at?: string;
  readonly archive?: string;
  readonly objects?: readonly string[];
  readonly json?: true;
}

export function addRestore(program: Command): void {
  program
    .command('restore')
    .description('Build a fresh data folder from a backup, as of its end or of a later time.')
    .argument('<folder>', 'the backup')
    .requiredOption('--to-data <folder>', 'becomes the data folder, whole or not at all')
    .option('--at <time>', 'as the database was then: ISO 8601 with its zone, or `latest` for all that was archived')
    .option('--archive <folder>', 'the archived log (SAFELIGHT_ARCHIVE)')
    .option(
      '--objects <folders...>',
      'where objects may be that are younger than the backup, such as the old data folder',
    )
    .option('--json', 'as JSON')
    .action(restore);
}

async function restore(folder: string, options: Options): Promise<void> {
  const archive = options.archive === undefined ? readSettings({}).SAFELIGHT_ARCHIVE : resolve(options.archive);
  const restored = await restoreBackup({
    backup: resolve(folder),
    to: resolve(options.toData),
    at: readTime(options.at),
    archive,
    objects: (options.objects ?? []).map((each) => resolve(each)),
    progress: (line) => console.error(line),
  }).catch((error: Error) => {
    throw new ExitError(1, `nothing is restored: ${error.message}`, { cause: error });
  });
  const { databaseAsOf, objects, bytes, lacking, lackingTotal } = restored;
  if (options.json) console.log(JSON.stringify(restored, undefined, 2));
  else {
    for (const { kind, id, objectKey } of lacking) console.log(`lacking: ${kind} ${id} (${objectKey})`);
    const asOf = databaseAsOf === null ? '' : `, its last change of ${databaseAsOf}`;
    console.log(
      drawTable(
        ['restored', ''],
        [
          ['data folder', `${resolve(options.toData)}${asOf}`],
          ['objects', `${objects}, ${bytesText(bytes)}`],
          [
            'next',
            `SAFELIGHT_DATA=${resolve(options.toData)} safelight serve, with an archive of its own, and a new backup`,
          ],
        ],
      ),
    );
  }
  if (lackingTotal > 0)
    throw new ExitError(
      1,
      `the data folder is there, but ${lackingTotal} objects are nowhere: name more folders by --objects, or serve, and ` +
        'safelight scrub --repair makes renditions again',
    );
}

function readTime(text: string | undefined): Date | 'latest' | undefined {
  if (text === undefined || text === 'latest') return text;
  // Without a zone it would be this machine's, which need not be the one that the operator thinks of.
  if (
    !/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)$/.test(text) ||
    Number.isNaN(Date.parse(text))
  )
    throw new ExitError(2, `--at takes a time with its zone, such as 2026-11-22T14:05:00Z, or latest; not ${text}`);
  return new Date(text);
}
