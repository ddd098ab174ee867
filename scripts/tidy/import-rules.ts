import type { Import, ImportGraph } from './imports.ts';
import {
  CONCEPTS,
  isConceptIndex,
  isInRenditions,
  isPartOfCompose,
  isRenderWorker,
  type Layer,
  MAY_IMPORT,
  type Place,
  placeOf,
} from './places.ts';
import { type Finding, isProductCode, isTestCode } from './source.ts';

type GraphRule = (graph: ImportGraph) => Finding[];

/** What each layer should do instead of reaching further. */
const INSTEAD = {
  contract: 'the contract stands alone: move what both need into packages/contract/src',
  sdk: 'put what both sides need into packages/contract/src',
  console: 'ask the API through the SDK',
  core: 'core is pure: pass the value in as an argument',
  config: 'config.ts reads the environment and nothing else',
  ports: 'a port is an interface: the driver brings the rest',
  db: 'take it as an argument, or move the SQL into the concept that owns it',
  telemetry: 'let the caller hand the values over',
  driver: 'drivers know their port and their vendor: take the rest as an argument and join it in compose.ts',
  outbound: 'it asks strangers and knows nothing else: take the rest as an argument',
  concept: 'import the index.ts of an earlier concept, or take a function as an argument and join it in compose.ts',
  http: 'call a concept through its index.ts; take drivers and settings as arguments',
  roles: 'take it as an argument of start(deps); compose.ts joins it',
  cli: 'use the SDK or a concept’s index.ts; compose.ts joins the rest',
  compose: 'compose.ts is called by main.ts and calls neither it nor the commands',
  main: 'main.ts only reads argv and signals: move it into compose.ts or cli/',
} as const satisfies Record<Layer, string>;

/** The import table: who may know whom. */
export const importTable: GraphRule = (graph) =>
  productImports(graph).flatMap(({ path, edge, target }) => {
    const from = placeOf(path);
    const to = placeOf(target);
    if (!from || !to) return [];
    const problem = forbidden(path, from, target, to, edge);
    return problem ? [{ path, line: edge.line, message: `${problem}: ${INSTEAD[from.layer]}` }] : [];
  });

function forbidden(path: string, from: Place, target: string, to: Place, edge: Import): string | undefined {
  if (from.layer === to.layer && from.unit === to.unit) return undefined;
  const crosses = path.split('/')[1] !== target.split('/')[1];
  if (crosses && edge.specifier.startsWith('.'))
    return `reaches into another package by a path; use @safelight/${target.split('/')[1]}`;
  const allowed: readonly Layer[] = MAY_IMPORT[from.layer];
  if (!allowed.includes(to.layer)) return `${from.layer} may not import ${to.layer} (${target})`;
  if (isPartOfCompose(target)) return `imports ${target} past compose.ts`;
  if (to.layer !== 'concept') return undefined;
  if (!isConceptIndex(target) && from.layer !== 'compose') return `imports ${target} past its concept’s index.ts`;
  if (from.layer === 'concept' && orderOf(to.unit) > orderOf(from.unit)) {
    return `concept ${from.unit} may not import ${to.unit}, which comes later in the order`;
  }
  return undefined;
}

function orderOf(concept: string): number {
  return (CONCEPTS as readonly string[]).indexOf(concept);
}

/** Every source file of a package has a place in the house. */
export const knownPlaces: GraphRule = (graph) =>
  graph.files
    .filter(({ path }) => isProductCode(path) && !placeOf(path))
    .map(({ path }) => ({
      path,
      line: 1,
      message: `lies in no room of the house: move it into a concept (${CONCEPTS.join(', ')}), core, ports, drivers/<kind>-<port>, db, http, telemetry, roles or cli`,
    }));

/** Production never imports what only tests use. */
export const noTestsInProduct: GraphRule = (graph) =>
  productImports(graph)
    .filter(({ target }) => isTestCode(target))
    .map(({ path, edge, target }) => ({
      path,
      line: edge.line,
      message: `imports ${target}, which is test code: move what production needs into a file of its own`,
    }));

/** No file may need itself, types included: a cycle means that two files are one thing or lack a third. */
export const noCycles: GraphRule = (graph) => {
  const findings: Finding[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      const cycle = [...trail.slice(start), path].join(' → ');
      findings.push({ path, line: 1, message: `import cycle ${cycle}: move what they share into a third file` });
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const { target } of graph.importsOf(path)) if (target) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const { path } of graph.files) visit(path);
  return findings;
};

/** Libraries that one place wraps for all: the rest of production may name their types and never loads them. */
const LIBRARY_OWNERS: readonly {
  readonly library: RegExp;
  readonly owners: readonly Layer[];
  readonly instead: string;
}[] = [
  { library: /^pg$/, owners: ['db'], instead: 'use Database of db/database.ts' },
  { library: /^(?:fastify|@fastify\/.*|fastify-.*)$/, owners: ['http'], instead: 'only http knows the server' },
  { library: /^prom-client$/, owners: ['telemetry'], instead: 'take a metric from telemetry' },
  { library: /^pino$/, owners: ['telemetry'], instead: 'take a logger from telemetry' },
  { library: /^(?:commander|cli-progress)$/, owners: ['cli'], instead: 'only cli talks to a terminal' },
  { library: /^@node-rs\/argon2$/, owners: ['concept'], instead: 'only people/passwords.ts hashes passwords' },
  { library: /^openid-client$/, owners: ['http'], instead: 'only http leads browsers to a provider' },
  { library: /^@aws-sdk\//, owners: ['driver'], instead: 'go through a port' },
  { library: /^@tus\//, owners: ['http'], instead: 'only http speaks tus' },
  { library: /^ipaddr\.js$/, owners: ['outbound'], instead: 'ask strangers by fetchOutside of outbound/' },
];
// Core computes: it opens no file and no socket, and starts no process.
const CORE_MODULES = /^node:(?:assert|async_hooks|buffer|crypto|events|timers|timers\/promises|util)$/;

/** Which libraries and Node modules may be named where. */
export const libraryOwners: GraphRule = (graph) =>
  libraryImports(graph).flatMap(({ path, edge }) => {
    const layer = placeOf(path)?.layer;
    const complain = (message: string) => [{ path, line: edge.line, message }];
    const node = edge.specifier.startsWith('node:');
    if (node && (layer === 'contract' || layer === 'console')) {
      return complain(
        `${layer} runs in browsers and imports nothing of Node (${edge.specifier}): use what the web platform has`,
      );
    }
    if (layer === 'core' && !(node && CORE_MODULES.test(edge.specifier))) {
      return complain(
        `core does no I/O and needs no library (${edge.specifier}): make it a driver or take a function as an argument`,
      );
    }
    const rule = LIBRARY_OWNERS.find(({ library }) => library.test(edge.specifier));
    if (!rule || edge.typeOnly || layer === undefined || rule.owners.includes(layer)) return [];
    return complain(`${edge.specifier} belongs to ${rule.owners.join(', ')}: ${rule.instead}`);
  });

/**
 * Delivery never shares a process with encoding (both queue for libuv's four threads: a 60 kB read waited 7.7 s behind
 * 16 AVIF encodes): only the render worker may load sharp, directly or through a file that does.
 */
export const sharpOnlyInWorker: GraphRule = (graph) => {
  const findings: Finding[] = [];
  for (const { path } of graph.files) {
    if (!isProductCode(path) || isRenderWorker(path)) continue;
    for (const edge of graph.importsOf(path)) {
      const direct = edge.specifier === 'sharp';
      if (direct && edge.typeOnly && isInRenditions(path)) continue;
      const loads =
        direct ||
        (!edge.typeOnly && edge.target !== undefined && isRenderWorker(edge.target) && loadsSharp(graph, edge.target));
      if (!loads) continue;
      const message =
        direct && edge.typeOnly ? 'names sharp outside of renditions' : 'loads sharp into the serving process';
      findings.push({
        path,
        line: edge.line,
        message: `${message} (${edge.specifier}): only renditions/worker does; renditions/ops say \`import type\``,
      });
    }
  }
  return findings;
};

function loadsSharp(graph: ImportGraph, path: string, seen = new Set<string>()): boolean {
  if (seen.has(path)) return false;
  seen.add(path);
  return graph
    .importsOf(path)
    .some(
      (edge) =>
        !edge.typeOnly &&
        (edge.specifier === 'sharp' || (edge.target !== undefined && loadsSharp(graph, edge.target, seen))),
    );
}

function productImports(graph: ImportGraph): { path: string; edge: Import; target: string }[] {
  return graph.files
    .filter(({ path }) => isProductCode(path))
    .flatMap(({ path }) =>
      graph.importsOf(path).flatMap((edge) => (edge.target ? [{ path, edge, target: edge.target }] : [])),
    );
}

function libraryImports(graph: ImportGraph): { path: string; edge: Import }[] {
  return graph.files
    .filter(({ path }) => isProductCode(path))
    .flatMap(({ path }) => graph.importsOf(path).map((edge) => ({ path, edge })))
    .filter(({ edge }) => !edge.specifier.startsWith('.') && !edge.specifier.startsWith('@safelight/'));
}
