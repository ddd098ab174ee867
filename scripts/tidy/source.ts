import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** One text file of the repository; `path` is relative to its root, with forward slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A broken rule: where, and what to do instead. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A house rule looks at all files, so that each can be shown a small repository that breaks it. */
export type Rule = (files: readonly SourceFile[]) => Finding[];

// Built, installed, or made while running: not written by hand.
const FOLDERS_SKIPPED: ReadonlySet<string> = new Set(['node_modules', 'dist', 'coverage']);
const DOT_FOLDERS_READ: ReadonlySet<string> = new Set(['.ci', '.github']);
const TEXT_ENDINGS =
  /\.(?:ts|tsx|mts|mjs|js|json|sql|md|css|html|svg|ya?ml|sh|toml|tf|txt)$|(?:^|\/)(?:run|Dockerfile)$/;

/** Every text file below `root` that people write: no dependencies, no build, no dot folders but those of CI. */
export function readRepository(root: string): SourceFile[] {
  const files: SourceFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        const hidden = entry.name.startsWith('.') && !DOT_FOLDERS_READ.has(entry.name);
        if (!hidden && !FOLDERS_SKIPPED.has(entry.name)) walk(path);
      } else if (entry.isFile() && TEXT_ENDINGS.test(path)) {
        files.push({ path, text: readFileSync(join(root, path), 'utf8') });
      }
    }
  };
  walk('');
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function isTypeScript(path: string): boolean {
  return /\.tsx?$/.test(path) && !path.endsWith('.d.ts');
}

/** Tests, the suites that drivers share, and tooling: what never runs in production and may import anything. */
export function isTestCode(path: string): boolean {
  return /[./](?:test|contract|bench|fixture)\.tsx?$/.test(path) || !path.startsWith('packages/');
}

/** Hand-written source of a package that runs in production. */
export function isProductCode(path: string): boolean {
  return /^packages\/[^/]+\/src\//.test(path) && isTypeScript(path) && !isTestCode(path);
}

/** Parses files once each, however many rules look at them. */
export class Parser {
  readonly #trees = new WeakMap<SourceFile, ts.SourceFile>();

  parse(file: SourceFile): ts.SourceFile {
    const known = this.#trees.get(file);
    if (known) return known;
    const kind = file.path.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
    const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2024, true, kind);
    this.#trees.set(file, tree);
    return tree;
  }
}

/** 1-based line on which `node` begins, comments before it left out. */
export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** Calls `visit` for `node` and everything below it. */
export function walkTree(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walkTree(child, visit));
}

/** As the test prints it, and editors link it. */
export function formatFinding({ path, line, message }: Finding): string {
  return `${path}:${line} ${message}`;
}
