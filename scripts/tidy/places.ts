/** Concepts of the service, in the order in which they may know each other: a concept imports only earlier ones. */
export const CONCEPTS = [
  'events',
  'tenants',
  'people',
  'regions',
  'usage',
  'jobs',
  'originals',
  'renditions',
  'images',
  'presets',
  'uploads',
  'erasure',
  'backup',
  'webhooks',
  'fleet',
  'slo',
] as const;

export type Layer =
  | 'contract'
  | 'sdk'
  | 'console'
  | 'core'
  | 'config'
  | 'ports'
  | 'db'
  | 'telemetry'
  | 'driver'
  | 'outbound'
  | 'concept'
  | 'http'
  | 'roles'
  | 'cli'
  | 'compose'
  | 'main';

/** Where a file stands: its layer, and which driver or concept within it. */
export interface Place {
  readonly layer: Layer;
  readonly unit: string;
}

/** Which layers each layer may import besides itself; of a concept only its index.ts. The table of AGENTS.md. */
export const MAY_IMPORT = {
  contract: [],
  sdk: ['contract'],
  console: ['contract', 'sdk'],
  core: [],
  config: ['contract', 'core'],
  ports: ['contract', 'core'],
  db: ['contract', 'core'],
  telemetry: ['contract', 'core'],
  driver: ['contract', 'core', 'ports', 'db'],
  outbound: ['contract', 'core'],
  concept: ['contract', 'core', 'ports', 'db', 'telemetry', 'outbound', 'concept'],
  // Concepts take the database and the object store as arguments, so their callers name those types.
  http: ['contract', 'core', 'ports', 'db', 'telemetry', 'outbound', 'concept'],
  roles: ['contract', 'core', 'ports', 'db', 'telemetry', 'outbound', 'concept', 'http'],
  cli: ['contract', 'core', 'config', 'sdk', 'telemetry', 'concept', 'compose'],
  compose: [
    'contract',
    'core',
    'config',
    'ports',
    'db',
    'telemetry',
    'driver',
    'outbound',
    'concept',
    'http',
    'roles',
    'sdk',
  ],
  main: ['contract', 'core', 'config', 'compose', 'cli'],
} as const satisfies Record<Layer, readonly Layer[]>;

const SERVICE = 'packages/service/src/';
// The version is a fact about the build, as a setting is about the node.
const FILES: Readonly<Record<string, Layer>> = {
  'main.ts': 'main',
  'config.ts': 'config',
  'version.ts': 'config',
  'compose.ts': 'compose',
};
const FOLDERS = ['core', 'config', 'ports', 'db', 'telemetry', 'outbound', 'http', 'roles', 'cli', 'compose'] as const;

/** The place of a package's source file, or undefined when the house has no such room. */
export function placeOf(path: string): Place | undefined {
  for (const layer of ['contract', 'sdk', 'console'] as const) {
    if (path.startsWith(`packages/${layer}/src/`)) return { layer, unit: layer };
  }
  if (!path.startsWith(SERVICE)) return undefined;
  const [first = '', second = '', ...rest] = path.slice(SERVICE.length).split('/');
  const file = FILES[first];
  if (file && second === '') return { layer: file, unit: file };
  const folder = FOLDERS.find((name) => name === first);
  if (folder && second !== '') return { layer: folder, unit: folder };
  if (first === 'drivers' && rest.length > 0) return { layer: 'driver', unit: second };
  const concept = CONCEPTS.find((name) => name === first);
  if (concept && second !== '') return { layer: 'concept', unit: concept };
  return undefined;
}

/** A part of the composition root: compose.ts in several files. */
export function isPartOfCompose(path: string): boolean {
  return path.startsWith(`${SERVICE}compose/`);
}

/** Whether `path` is the public face of a concept. */
export function isConceptIndex(path: string): boolean {
  return CONCEPTS.some((name) => path === `${SERVICE}${name}/index.ts`);
}

/** The child process that alone loads libvips. */
export function isRenderWorker(path: string): boolean {
  return path.startsWith(`${SERVICE}renditions/worker/`);
}

/** Where libvips may be named as a type. */
export function isInRenditions(path: string): boolean {
  return path.startsWith(`${SERVICE}renditions/`);
}
