import ts from 'typescript';
import type { ImportGraph } from './imports.ts';
import { type Finding, isProductCode, isTestCode, lineOf, type Parser, type SourceFile, walkTree } from './source.ts';

/** Where programs begin, and what other packages and bundlers load by name. */
const ENTRIES: ReadonlySet<string> = new Set([
  'packages/service/src/main.ts',
  'packages/service/src/compose.ts',
  'packages/service/src/renditions/worker/main.ts',
  'packages/contract/src/index.ts',
  'packages/sdk/src/index.ts',
]);

/** Every source file is reached from an entry, a page's script, or a test, by imports or as the entry of a child process. */
export function noDeadFiles(files: readonly SourceFile[], graph: ImportGraph): Finding[] {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const { target } of graph.importsOf(path)) if (target) visit(target);
    for (const target of graph.mentionsOf(path)) visit(target);
  };
  for (const { path } of graph.files) if (ENTRIES.has(path) || isTestCode(path)) visit(path);
  for (const path of scriptsOfPages(files)) visit(path);
  return graph.files
    .filter(({ path }) => isProductCode(path) && !reached.has(path))
    .map(({ path }) => ({
      path,
      line: 1,
      message: 'nothing imports this file, from main.ts to the tests: remove it, or wire it up',
    }));
}

function scriptsOfPages(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => path.endsWith('.html'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/src="(?:\.?\/)?(src\/[^"]+)"/g)].map((match) => path.replace(/[^/]+$/, match[1] ?? '')),
    );
}

interface Export {
  readonly name: string;
  readonly line: number;
  /** A type that its own file uses too, or that an index passes on: part of what another export promises. */
  readonly partOfPromise: boolean;
}

/** Every export of a package's source is imported somewhere; the contract's and the SDK's index are for the world. */
export function noDeadExports(files: readonly SourceFile[], graph: ImportGraph, parser: Parser): Finding[] {
  const used = usedNames(graph);
  return files
    .filter(({ path }) => isProductCode(path) && !ENTRIES.has(path))
    .flatMap((file) =>
      exportsOf(parser.parse(file))
        .filter(
          ({ name, partOfPromise }) =>
            !partOfPromise && !used.has(`${file.path}#${name}`) && !used.has(`${file.path}#*`),
        )
        .map(({ name, line }) => ({
          path: file.path,
          line,
          message: `nobody imports ${name}: drop the \`export\`, or the whole thing`,
        })),
    );
}

/** `path#name` for each imported name, and `path#*` where all of a file's names may be. */
function usedNames(graph: ImportGraph): ReadonlySet<string> {
  const used = new Set<string>();
  for (const path of ENTRIES) use(graph, used, path, '*');
  for (const { path } of graph.files) {
    for (const { target, names, passesOn } of graph.importsOf(path)) {
      if (target && !passesOn) for (const name of names ?? ['*']) use(graph, used, target, name);
    }
  }
  return used;
}

/** A name taken from a file that passes on others' names (`export * from`) is taken from those too. */
function use(graph: ImportGraph, used: Set<string>, path: string, name: string): void {
  const key = `${path}#${name}`;
  if (used.has(key)) return;
  used.add(key);
  for (const { target, passesOn } of graph.importsOf(path)) if (target && passesOn) use(graph, used, target, name);
}

function exportsOf(tree: ts.SourceFile): Export[] {
  const found: Export[] = [];
  const add = (node: ts.Node, name: string, partOfPromise = false) =>
    found.push({ name, line: lineOf(tree, node), partOfPromise });
  for (const statement of tree.statements) {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      for (const element of statement.exportClause.elements) {
        add(element, element.name.text, statement.isTypeOnly || element.isTypeOnly);
      }
    }
    if (ts.isExportAssignment(statement)) add(statement, 'default');
    if (
      !ts.canHaveModifiers(statement) ||
      !statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    )
      continue;
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) if (ts.isIdentifier(name)) add(name, name.text);
    } else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      add(statement, statement.name.text, mentions(tree, statement.name.text) > 1);
    } else if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name) {
      add(statement, isDefault(statement) ? 'default' : statement.name.text);
    }
  }
  return found;
}

function isDefault(statement: ts.FunctionDeclaration | ts.ClassDeclaration): boolean {
  return statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) === true;
}

function mentions(tree: ts.SourceFile, name: string): number {
  let count = 0;
  walkTree(tree, (node) => {
    if (ts.isIdentifier(node) && node.text === name) count += 1;
  });
  return count;
}
