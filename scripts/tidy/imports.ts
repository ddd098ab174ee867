import { posix } from 'node:path';
import ts from 'typescript';
import { isTypeScript, lineOf, type Parser, type SourceFile, walkTree } from './source.ts';

/** One way in which a file names another module. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Erased before the program runs: `import type`, `export type`, or `import('…')` in a type. */
  readonly typeOnly: boolean;
  /** Names taken from the module; undefined when all of them may be used (namespace, dynamic, `export *`). */
  readonly names: readonly string[] | undefined;
  /** `export * from`: takes nothing for itself. */
  readonly passesOn: boolean;
  /** The file inside the repository, or undefined for a library or an asset. */
  readonly target: string | undefined;
}

export interface ImportGraph {
  readonly files: readonly SourceFile[];
  importsOf(path: string): readonly Import[];
  /** Files named by a relative string, as child processes and workers name their entry: `new URL('./x.ts', …)`. */
  mentionsOf(path: string): readonly string[];
}

const PACKAGE_ENTRIES: Readonly<Record<string, string>> = {
  '@safelight/contract': 'packages/contract/src/index.ts',
  '@safelight/sdk': 'packages/sdk/src/index.ts',
  '@safelight/service': 'packages/service/src/compose.ts',
};

/** Reads the imports of every TypeScript file: static, re-exported, dynamic and in types. */
export function readImports(files: readonly SourceFile[], parser: Parser): ImportGraph {
  const sources = files.filter((file) => isTypeScript(file.path));
  const paths = new Set(sources.map((file) => file.path));
  const imports = new Map<string, Import[]>();
  const mentions = new Map<string, string[]>();
  for (const file of sources) {
    const tree = parser.parse(file);
    const found: Import[] = [];
    const named: string[] = [];
    walkTree(tree, (node) => {
      const raw = importOf(node);
      if (raw)
        found.push({
          passesOn: false,
          ...raw,
          line: lineOf(tree, node),
          target: resolve(file.path, raw.specifier, paths),
        });
      else if (ts.isStringLiteralLike(node) && /^\.\.?\/.*\.tsx?$/.test(node.text)) {
        const target = resolve(file.path, node.text, paths);
        if (target) named.push(target);
      }
    });
    imports.set(file.path, found);
    mentions.set(file.path, named);
  }
  return {
    files: sources,
    importsOf: (path) => imports.get(path) ?? [],
    mentionsOf: (path) => mentions.get(path) ?? [],
  };
}

type RawImport = Pick<Import, 'specifier' | 'typeOnly' | 'names'> & { readonly passesOn?: boolean };

function importOf(node: ts.Node): RawImport | undefined {
  if (ts.isImportDeclaration(node)) return ofImportDeclaration(node);
  if (ts.isExportDeclaration(node)) return ofExportDeclaration(node);
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    if (argument && ts.isStringLiteralLike(argument)) {
      return { specifier: argument.text, typeOnly: false, names: undefined };
    }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
    return { specifier: node.argument.literal.text, typeOnly: true, names: undefined };
  }
  return undefined;
}

function ofImportDeclaration(node: ts.ImportDeclaration): RawImport {
  const specifier = (node.moduleSpecifier as ts.StringLiteral).text;
  const clause = node.importClause;
  if (!clause) return { specifier, typeOnly: false, names: [] };
  const typeOnly = clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
  const names = clause.name ? ['default'] : [];
  const bindings = clause.namedBindings;
  if (bindings && ts.isNamespaceImport(bindings)) return { specifier, typeOnly, names: undefined };
  for (const element of bindings?.elements ?? []) names.push((element.propertyName ?? element.name).text);
  return { specifier, typeOnly, names };
}

function ofExportDeclaration(node: ts.ExportDeclaration): RawImport | undefined {
  if (!node.moduleSpecifier) return undefined;
  const specifier = (node.moduleSpecifier as ts.StringLiteral).text;
  const clause = node.exportClause;
  if (!clause || ts.isNamespaceExport(clause)) {
    return { specifier, typeOnly: node.isTypeOnly, names: undefined, passesOn: !clause };
  }
  const names = clause.elements.map((element) => (element.propertyName ?? element.name).text);
  return { specifier, typeOnly: node.isTypeOnly, names };
}

/** The repository's file that `specifier` means in `from`, or undefined. */
export function resolve(from: string, specifier: string, paths: ReadonlySet<string>): string | undefined {
  if (!specifier.startsWith('.')) return PACKAGE_ENTRIES[specifier];
  const joined = posix.join(posix.dirname(from), specifier);
  return paths.has(joined) ? joined : undefined;
}
