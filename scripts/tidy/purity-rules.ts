import ts from 'typescript';
import { type Finding, isProductCode, isTypeScript, lineOf, type Parser, type SourceFile, walkTree } from './source.ts';

const CONFIG = 'packages/service/src/config.ts';
const CLOCK = 'packages/service/src/core/clock.ts';

type Check = (node: ts.Node) => string | undefined;

/** `any` switches the checker off where it is needed most. */
export function noAny(files: readonly SourceFile[], parser: Parser): Finding[] {
  const sources = files.filter(({ path }) => isTypeScript(path));
  return findNodes(sources, parser, (node) =>
    node.kind === ts.SyntaxKind.AnyKeyword ? 'uses `any`: say `unknown` and narrow it, or name the type' : undefined,
  );
}

/** Settings enter at one door, so that `safelight config` shows all of them and a bad one stops the start. */
export function environmentOnlyInConfig(files: readonly SourceFile[], parser: Parser): Finding[] {
  const sources = files.filter(({ path }) => isProductCode(path) && path !== CONFIG);
  return findNodes(sources, parser, (node) =>
    readsEnvironment(node)
      ? 'reads the environment: add the setting to config.ts and take its value as an argument'
      : undefined,
  );
}

function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression);
  if (ts.isElementAccessExpression(node)) return isText(node.argumentExpression, 'env') && isProcess(node.expression);
  if (ts.isVariableDeclaration(node) && node.initializer && ts.isObjectBindingPattern(node.name)) {
    return (
      isProcess(node.initializer) &&
      node.name.elements.some((element) => isText(element.propertyName ?? element.name, 'env'))
    );
  }
  if (ts.isImportSpecifier(node)) {
    const from = node.parent.parent.parent.moduleSpecifier;
    return isText(node.propertyName ?? node.name, 'env') && (isText(from, 'node:process') || isText(from, 'process'));
  }
  return false;
}

function isProcess(node: ts.Expression): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'process';
  return ts.isIdentifier(node) && node.text === 'process';
}

function isText(node: ts.Node, text: string): boolean {
  return (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) && node.text === text;
}

const CLOCK_CALLS: ReadonlySet<string> = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.hrtime',
  'process.hrtime.bigint',
  'Date',
]);

/** Time and chance are injected, so that a seeded simulation can drive the real code. Node's timers are free to use. */
export function timeOnlyFromClock(files: readonly SourceFile[], parser: Parser): Finding[] {
  const sources = files.filter(
    ({ path }) => isProductCode(path) && path.startsWith('packages/service/') && path !== CLOCK,
  );
  return findNodes(sources, parser, (node) => {
    const name = readsClock(node);
    return name && `calls ${name}: take a Clock (core/clock.ts) as an argument; leases and budgets ask the database`;
  });
}

function readsClock(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && isText(node.expression, 'Date') && !node.arguments?.length) return 'new Date()';
  // Named without being called, it is handed to somebody who will.
  const mention =
    ts.isPropertyAccessExpression(node) || (ts.isCallExpression(node) && ts.isIdentifier(node.expression));
  if (!mention) return undefined;
  const text = (ts.isCallExpression(node) ? node.expression : node).getText().replace(/^globalThis\./, '');
  return CLOCK_CALLS.has(text) && !isPartOfLonger(node) ? text : undefined;
}

/** `process.hrtime` inside `process.hrtime.bigint` is told of once. */
function isPartOfLonger(node: ts.Node): boolean {
  return ts.isPropertyAccessExpression(node.parent) && CLOCK_CALLS.has(node.parent.getText());
}

function findNodes(files: readonly SourceFile[], parser: Parser, check: Check): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    const tree = parser.parse(file);
    walkTree(tree, (node) => {
      const message = check(node);
      if (message) findings.push({ path: file.path, line: lineOf(tree, node), message });
    });
  }
  return findings;
}
