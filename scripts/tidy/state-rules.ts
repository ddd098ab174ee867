import ts from 'typescript';
import { type Finding, isProductCode, lineOf, type Parser, type SourceFile, walkTree } from './source.ts';

/**
 * No state at module level: it is shared by every server and test in the process, and nobody can see who changes it.
 * Checked by form, in product code:
 * - no `let` or `var` at top level, and no static field without `readonly`;
 * - a `new …` at top level only in a program's main file, or of a class whose instances do not change; `new Map`, `new Set` and `new Array` only
 *   under a type that forbids writing (`ReadonlyMap<…>`, `ReadonlySet<…>`, `readonly T[]`, `Readonly<…>`);
 * - `[]` and `{}` at top level only `as const`, frozen or under such a type, since an empty one exists to be filled;
 * - an `AsyncLocalStorage` in the one file that carries the caller's address along (docs/decisions/0016): it holds
 *   nothing between calls;
 * - a top-level list or table with contents may be written plainly, so long as its own file never writes to it.
 */
export function noModuleState(files: readonly SourceFile[], parser: Parser): Finding[] {
  return files.filter(({ path }) => isProductCode(path)).flatMap((file) => stateIn(parser.parse(file)));
}

const COLLECTIONS: ReadonlySet<string> = new Set(['Map', 'Set', 'Array']);
// Byte arrays can be written to, but have no readonly form; a file that writes to its own is found below.
const UNCHANGING: ReadonlySet<string> = new Set('URL RegExp TextEncoder TextDecoder Error Date Uint8Array'.split(' '));
const CARRIER = { path: 'packages/service/src/core/caller.ts', made: 'AsyncLocalStorage' } as const;
const MUTATORS: ReadonlySet<string> = new Set(
  'push pop shift unshift splice sort reverse fill copyWithin set add delete clear'.split(' '),
);
const INSTEAD = 'make it a field of a class or a local of a function that compose.ts calls';

function stateIn(tree: ts.SourceFile): Finding[] {
  const findings: Finding[] = [];
  const complain = (node: ts.Node, what: string, instead = INSTEAD) =>
    findings.push({ path: tree.fileName, line: lineOf(tree, node), message: `${what}: ${instead}` });
  for (const declaration of topLevelVariables(tree)) {
    const name = declaration.name.getText();
    if (!(declaration.parent.flags & ts.NodeFlags.Const))
      complain(declaration, `module-level variable ${name} can change`);
    else if (holdsState(declaration, tree.fileName))
      complain(
        declaration,
        `module-level ${name} can be written to`,
        `declare it ReadonlyMap, ReadonlySet, readonly or \`as const\` if nobody writes; else ${INSTEAD}`,
      );
  }
  const tables = new Set(topLevelVariables(tree).map((declaration) => declaration.name.getText()));
  walkTree(tree, (node) => {
    if (isStaticState(node)) complain(node, `static field ${node.name.getText()} can change`);
    const written = writtenName(node);
    if (written && tables.has(written)) complain(node, `writes to module-level ${written}`);
  });
  return findings;
}

function topLevelVariables(tree: ts.SourceFile): ts.VariableDeclaration[] {
  return tree.statements.filter(ts.isVariableStatement).flatMap((statement) =>
    // `declare` speaks of what somebody else made, such as a constant that the bundler puts in.
    statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.DeclareKeyword)
      ? []
      : [...statement.declarationList.declarations],
  );
}

/** A main file runs once and nobody imports it: what it makes is made by the program. */
function isProgram(path: string): boolean {
  return /\/main\.tsx?$/.test(path);
}

function holdsState({ initializer, type }: ts.VariableDeclaration, path: string): boolean {
  if (!initializer || isReadonlyType(type)) return false;
  if (ts.isNewExpression(initializer)) {
    const made = initializer.expression.getText();
    if (path === CARRIER.path && made === CARRIER.made) return false;
    return COLLECTIONS.has(made) || !(isProgram(path) || UNCHANGING.has(made) || made.startsWith('Intl.'));
  }
  if (ts.isArrayLiteralExpression(initializer)) return initializer.elements.length === 0;
  return ts.isObjectLiteralExpression(initializer) && initializer.properties.length === 0;
}

function isReadonlyType(type: ts.TypeNode | undefined): boolean {
  return type !== undefined && /^(?:Readonly(?:Map|Set|Array)?<|readonly )/.test(type.getText());
}

function isStaticState(node: ts.Node): node is ts.PropertyDeclaration {
  if (!ts.isPropertyDeclaration(node)) return false;
  const has = (kind: ts.SyntaxKind) => node.modifiers?.some((modifier) => modifier.kind === kind) === true;
  return has(ts.SyntaxKind.StaticKeyword) && !has(ts.SyntaxKind.ReadonlyKeyword);
}

/** The variable whose contents `node` changes: `x.a = 1`, `x[0]++`, `x.push(…)`, `delete x.a`, or undefined. */
function writtenName(node: ts.Node): string | undefined {
  if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) return ownerOf(node.left);
  if (ts.isDeleteExpression(node)) return ownerOf(node.expression);
  if (ts.isPostfixUnaryExpression(node)) return ownerOf(node.operand);
  if (ts.isPrefixUnaryExpression(node) && node.operator >= ts.SyntaxKind.PlusPlusToken) {
    return node.operator <= ts.SyntaxKind.MinusMinusToken ? ownerOf(node.operand) : undefined;
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined;
  const { expression, name } = node.expression;
  return MUTATORS.has(name.text) && ts.isIdentifier(expression) && !isShadowed(expression)
    ? expression.text
    : undefined;
}

function isAssignment(kind: ts.SyntaxKind): boolean {
  return kind >= ts.SyntaxKind.FirstAssignment && kind <= ts.SyntaxKind.LastAssignment;
}

function ownerOf(node: ts.Expression): string | undefined {
  if (!ts.isPropertyAccessExpression(node) && !ts.isElementAccessExpression(node)) return undefined;
  let owner: ts.Expression = node.expression;
  while (ts.isPropertyAccessExpression(owner) || ts.isElementAccessExpression(owner)) owner = owner.expression;
  return ts.isIdentifier(owner) && !isShadowed(owner) ? owner.text : undefined;
}

/** Whether a parameter or local of an enclosing function has the name, so that the module's is not meant. */
function isShadowed(identifier: ts.Identifier): boolean {
  for (let scope: ts.Node = identifier.parent; !ts.isSourceFile(scope); scope = scope.parent) {
    if (ts.isFunctionLike(scope) && scope.parameters.some((parameter) => declares(parameter.name, identifier.text)))
      return true;
    if (ts.isBlock(scope) && scope.statements.some((statement) => declaresLocal(statement, identifier.text)))
      return true;
  }
  return false;
}

function declaresLocal(statement: ts.Statement, name: string): boolean {
  return (
    ts.isVariableStatement(statement) &&
    statement.declarationList.declarations.some((declaration) => declares(declaration.name, name))
  );
}

function declares(binding: ts.BindingName, name: string): boolean {
  if (ts.isIdentifier(binding)) return binding.text === name;
  return binding.elements.some((element) => !ts.isOmittedExpression(element) && declares(element.name, name));
}
