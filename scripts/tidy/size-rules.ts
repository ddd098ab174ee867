import ts from 'typescript';
import { type Finding, isTypeScript, lineOf, type Parser, type SourceFile, walkTree } from './source.ts';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const GROUPS: ReadonlySet<string> = new Set(['describe', 'suite']);

/** A file that does not fit on a few screens holds more than one thing. SQL and tests count too. */
export function fileLengths(files: readonly SourceFile[]): Finding[] {
  return files
    .filter(({ path }) => isTypeScript(path) || /\.(?:sql|mjs|css)$/.test(path))
    .map(({ path, text }) => ({ path, lines: text.replace(/\n$/, '').split('\n').length }))
    .filter(({ lines }) => lines > FILE_LINES_MAX)
    .map(({ path, lines }) => ({
      path,
      line: FILE_LINES_MAX + 1,
      message: `has ${lines} lines of at most ${FILE_LINES_MAX}: find the second thing in it and give it a file`,
    }));
}

/** A function must fit on one screen. The callback of a `describe` is a list of tests, each of which counts by itself. */
export function functionLengths(files: readonly SourceFile[], parser: Parser): Finding[] {
  return files.filter(({ path }) => isTypeScript(path)).flatMap((file) => longFunctions(parser.parse(file)));
}

function longFunctions(tree: ts.SourceFile): Finding[] {
  const findings: Finding[] = [];
  walkTree(tree, (node) => {
    if (!isFunctionWithBody(node) || isGroupCallback(node)) return;
    const lines = linesOf(tree, node) - linesOfGroupsIn(tree, node);
    if (lines <= FUNCTION_LINES_MAX) return;
    findings.push({
      path: tree.fileName,
      line: lineOf(tree, node),
      message: `function has ${lines} lines of at most ${FUNCTION_LINES_MAX}: name its steps and make them functions`,
    });
  });
  return findings;
}

function isFunctionWithBody(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

function linesOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getEnd()).line + 2 - lineOf(tree, node);
}

/** Lines of the outermost `describe` callbacks below `node`. */
function linesOfGroupsIn(tree: ts.SourceFile, node: ts.Node): number {
  let lines = 0;
  const visit = (child: ts.Node): void => {
    if (isGroupCallback(child)) lines += linesOf(tree, child);
    else ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return lines;
}

/** Whether `node` is the function given to `describe(…)`, `describe.skipIf(…)(…)`, `describe.each(…)(…)` and their kin. */
function isGroupCallback(node: ts.Node): boolean {
  if (!ts.isArrowFunction(node) && !ts.isFunctionExpression(node)) return false;
  if (!ts.isCallExpression(node.parent) || node.parent.expression === node) return false;
  let callee: ts.Node = node.parent.expression;
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) && GROUPS.has(callee.text);
}
