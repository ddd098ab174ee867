import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { OUTBOUND_SETTINGS } from './config/outbound.ts';
import { ConfigError, integer, optional, type Setting, text } from './config/parse.ts';
import { checkPeople, PEOPLE_SETTINGS } from './config/people.ts';
import { checkScaler, SCALER_SETTINGS } from './config/scaler.ts';

export { ConfigError } from './config/parse.ts';
export type { PoolPlace } from './config/scaler.ts';

const ROLES = ['api', 'worker', 'scaler', 'janitor'] as const;
/** The scaler is of use only where it may order machines, or somebody reads what it decides. */
const ROLES_DEFAULT = 'api,worker,janitor';
export type Role = (typeof ROLES)[number];

const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;

/** Every setting, in the order of the reference. The only reader of the environment is `loadConfig` below. */
export const SETTINGS = {
  SAFELIGHT_PORT: {
    about: 'Port of the API and the page; 0 picks a free one.',
    fallback: '8080',
    parse: integer(0, 65_535),
  },
  SAFELIGHT_HOST: { about: 'Address to listen on.', fallback: '127.0.0.1', parse: text },
  SAFELIGHT_DATA: {
    about: 'Folder of the embedded database, the objects, keys and scratch files.',
    fallback: './.safelight',
    parse: (value: string) => resolve(value),
  },
  DATABASE_URL: {
    about:
      'PostgreSQL to use; absent: an embedded one in the data folder. Of a cluster, all hosts: ' +
      '`postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE`; the writer among them is found and followed.',
    fallback: '',
    secret: true,
    parse: databaseUrl,
  },
  DATABASE_DIRECT_URL: {
    about:
      'The same PostgreSQL past the proxy of SAFELIGHT_DATABASE_PROXY, for LISTEN and `safelight migrate`; ' +
      'absent: news are polled for, four times a second.',
    fallback: '',
    secret: true,
    parse: databaseUrl,
  },
  SAFELIGHT_DATABASE_PROXY: {
    about:
      'What stands before the database: `transaction`, a proxy that gives each transaction another session, such as ' +
      'PgBouncer with `pool_mode = transaction`; or `none`.',
    fallback: 'none',
    parse: (value: string) => {
      if (!/^(none|transaction)$/.test(value)) throw new ConfigError('must be none or transaction');
      return value;
    },
  },
  SAFELIGHT_DATABASE_CONNECTIONS: {
    about: 'Connections of this node at most; to each host of a cluster.',
    fallback: '16',
    parse: integer(2, 500),
  },
  SAFELIGHT_DATABASE_LAG_SECONDS: {
    about:
      'Of a cluster: seconds that a standby may be behind the writer and still serve reads; what a caller has seen or ' +
      'written he reads whatever this says. Hosts are asked once a second. 0: all reads go to the writer, as they do ' +
      'behind a proxy.',
    fallback: '5',
    parse: integer(0, 300),
  },
  SAFELIGHT_OBJECTS: {
    about:
      'Where objects lie: `file:FOLDER`, relative to the data folder, or `s3://BUCKET?region=…`; for a store that is ' +
      'not AWS’s with `&endpoint=https://…`, and with `&prefix=…` when others share the bucket.',
    fallback: 'file:objects',
    parse: (value: string) => {
      parseObjects(value);
      return value;
    },
  },
  AWS_ACCESS_KEY_ID: {
    about: 'Of the bucket’s owner or a user of it; absent: the role of the container, the machine or its web identity.',
    fallback: '',
    secret: true,
    parse: optional,
  },
  AWS_SECRET_ACCESS_KEY: {
    about: 'Belongs to AWS_ACCESS_KEY_ID.',
    fallback: '',
    secret: true,
    parse: optional,
  },
  AWS_SESSION_TOKEN: {
    about: 'Belongs to AWS_ACCESS_KEY_ID where that is a temporary one.',
    fallback: '',
    secret: true,
    parse: optional,
  },
  SAFELIGHT_ARCHIVE: {
    about:
      'Folder to which the embedded database archives its log, within a minute, for `safelight restore --at`; ' +
      'better on another disk. Absent: only what a backup holds can be restored.',
    fallback: '',
    parse: (value: string) => (value === '' ? undefined : resolve(value)),
  },
  SAFELIGHT_ROLES: {
    about: `Roles of this node, of ${ROLES.join(', ')}.`,
    fallback: ROLES_DEFAULT,
    parse: (value: string) => {
      const roles = value.split(',').map((role) => role.trim());
      for (const role of roles) {
        if (!ROLES.includes(role as Role))
          throw new ConfigError(`knows no role \`${role}\`; roles are ${ROLES.join(', ')}`);
      }
      return new Set(roles as Role[]);
    },
  },
  SAFELIGHT_DRAIN_SECONDS: {
    about:
      'Seconds that a node which was told to end goes on answering, while `/readyz` says 503 and balancers turn away. ' +
      'Absent: 0 on a loopback address, 5 elsewhere.',
    fallback: '',
    parse: (value: string) => (value === '' ? undefined : integer(0, 3600)(value)),
  },
  ...SCALER_SETTINGS,
  SAFELIGHT_WORKERS: {
    about: 'Worker processes; absent: one per core.',
    fallback: 'cores',
    parse: (value: string) => (value === 'cores' ? availableParallelism() : integer(1, 256)(value)),
  },
  SAFELIGHT_WORKER_UID: {
    about:
      'Where the node runs as root on Linux: user of its first worker process; the others are the users that follow. ' +
      'Nodes on one machine must not share them.',
    fallback: '64100',
    parse: integer(1, 2_000_000_000),
  },
  SAFELIGHT_WORKER_MEMORY: {
    about: 'Bytes that one worker process may hold before it is killed.',
    fallback: String(1.5 * GIBIBYTE),
    parse: integer(128 * MEBIBYTE, 64 * GIBIBYTE),
  },
  SAFELIGHT_MEMORY: {
    about: 'Predicted bytes of all jobs that may run at once on this node.',
    fallback: String(2 * GIBIBYTE),
    parse: integer(128 * MEBIBYTE, 1024 * GIBIBYTE),
  },
  SAFELIGHT_PUBLIC_URL: {
    about: 'How clients reach this service; absent: the Host that they name.',
    fallback: '',
    parse: (value: string) => {
      if (value === '') return undefined;
      if (!URL.canParse(value)) throw new ConfigError('must be an absolute URL');
      return value.replace(/\/+$/, '');
    },
  },
  SAFELIGHT_PUBLIC_TENANT: {
    about:
      'Tenant (short name) that `POST /` and the page at `/` act for without a key; `none` for nobody. ' +
      'Absent: `demo` on a loopback address with the embedded database, nobody elsewhere.',
    fallback: '',
    parse: (value: string) => (value === '' ? undefined : value),
  },
  SAFELIGHT_UPLOAD_BYTES_MAX: {
    about: 'Bytes of one upload at most.',
    fallback: String(64 * MEBIBYTE),
    parse: integer(1, 5 * GIBIBYTE),
  },
  SAFELIGHT_PIXELS_MAX: {
    about: 'Pixels of one image at most, all frames together.',
    fallback: '100000000',
    parse: integer(1, 1_000_000_000),
  },
  SAFELIGHT_UPLOADS_MAX: {
    about: 'Uploads at once on this node; one tenant may have half of them.',
    fallback: '64',
    parse: integer(1, 10_000),
  },
  SAFELIGHT_UPLOAD_IDLE_SECONDS: {
    about: 'Seconds without a byte after which an upload ends.',
    fallback: '15',
    parse: integer(1, 3600),
  },
  SAFELIGHT_UPLOAD_RATE_MIN: {
    about: 'Bytes per second that an upload must average after its first idle period.',
    fallback: '1024',
    parse: integer(0, 1_000_000_000),
  },
  ...PEOPLE_SETTINGS,
  ...OUTBOUND_SETTINGS,
  SAFELIGHT_WAIT_SECONDS: {
    about: 'Seconds that the GET of a pending rendition waits.',
    fallback: '10',
    parse: integer(0, 60),
  },
  SAFELIGHT_WAITERS_MAX: {
    about: 'Requests that may wait for renditions at once; half of them for one tenant.',
    fallback: '1000',
    parse: integer(1, 100_000),
  },
  SAFELIGHT_PENDING_MAX: {
    about: 'Renditions of one tenant that somebody waits for and that are not made yet; further URLs are answered 503.',
    fallback: '500',
    parse: integer(1, 100_000),
  },
  SAFELIGHT_DELIVERY_CACHE_BYTES: {
    about: 'Bytes of memory for small objects that are asked for often; 0 keeps none.',
    fallback: String(64 * MEBIBYTE),
    parse: integer(0, 64 * GIBIBYTE),
  },
  SAFELIGHT_PURGE_URL: {
    about:
      'Where a node with the role `janitor` tells a cache in front what to drop: POST of `{"surrogateKeys":[…]}`, ' +
      'ids of images and tenants as in the headers `surrogate-key` and `cache-tag`; absent: nobody is told.',
    fallback: '',
    parse: (value: string) => {
      if (value === '') return undefined;
      if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
        throw new ConfigError('must be a URL of http or https');
      return value;
    },
  },
  SAFELIGHT_PURGE_TOKEN: {
    about: 'Sent to SAFELIGHT_PURGE_URL as a bearer token.',
    fallback: '',
    secret: true,
    parse: (value: string) => (value === '' ? undefined : value),
  },
  SAFELIGHT_SEALING_KEY: {
    about:
      'Ed25519 private key (PKCS #8, PEM) by which a node with the role `janitor` signs the event log; ' +
      'absent: one that it makes and keeps in its data folder.',
    fallback: '',
    secret: true,
    parse: (value: string) => {
      if (value === '') return undefined;
      if (!/^-----BEGIN PRIVATE KEY-----\s[\s\S]+-----END PRIVATE KEY-----$/.test(value.trim()))
        throw new ConfigError('must be a private key in PEM form (PKCS #8)');
      return value;
    },
  },
  SAFELIGHT_SEALING_KEYS_TRUSTED: {
    about:
      'Ids of sealing keys, separated by commas, that `audit verify` trusts; ' +
      'absent: this node’s own and every one that the object store lists.',
    fallback: '',
    parse: (value: string) => {
      if (value === '') return undefined;
      const ids = value.split(',').map((id) => id.trim());
      if (!ids.every((id) => /^seal_[0-9a-f]{16}$/.test(id)))
        throw new ConfigError('must list ids such as seal_0123456789abcdef');
      return new Set(ids);
    },
  },
  SAFELIGHT_LOG_LEVEL: {
    about: 'fatal, error, warn, info, debug or trace.',
    fallback: 'info',
    parse: (value: string) => {
      if (!/^(fatal|error|warn|info|debug|trace)$/.test(value))
        throw new ConfigError('must be fatal, error, warn, info, debug or trace');
      return value;
    },
  },
} as const satisfies Record<string, Setting<unknown>>;

type SettingName = keyof typeof SETTINGS;

/** The effective configuration, by the settings' own names. */
export type Config = { readonly [Name in SettingName]: ReturnType<(typeof SETTINGS)[Name]['parse']> };

type Env = Readonly<Record<string, string | undefined>>;

export interface LoadedConfig {
  readonly config: Config;
  /** Names that begin with SAFELIGHT_ and mean nothing here. */
  readonly unknown: readonly string[];
  /** Names that the environment set, for `safelight config`. */
  readonly given: ReadonlySet<string>;
}

/**
 * Reads every setting from `overrides`, the environment or, for NAME_FILE, from the file that it names; files suit secrets.
 * @throws ConfigError with one line that names the setting.
 */
export function loadConfig(overrides: Env = {}, environment: Env = process.env): LoadedConfig {
  const env = { ...environment, ...overrides };
  const given = new Set<string>();
  const entries = (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    const value = readSetting(name, env);
    if (value !== undefined) given.add(name);
    try {
      return [name, setting.parse(value ?? setting.fallback)];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(`${name} ${error.message}${setting.secret ? '' : `, not \`${value}\``}`);
    }
  });
  const unknown = Object.keys(env).filter((name) => name.startsWith('SAFELIGHT_') && !isKnown(name));
  const config = Object.fromEntries(entries) as Config;
  checkPeople(config);
  checkScaler(config);
  return { config, unknown, given };
}

/** The environment of a node that this one starts: its own, with `overrides`. */
export function environmentWith(overrides: Env, environment: Env = process.env): Env {
  const files = Object.keys(overrides).map((name) => [`${name}_FILE`, undefined] as const);
  return { ...environment, ...Object.fromEntries(files), ...overrides };
}

function readSetting(name: string, env: Env): string | undefined {
  const file = env[`${name}_FILE`];
  if (file !== undefined) {
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw new ConfigError(`${name}_FILE cannot be read: ${(error as Error).message}`);
    }
  }
  const value = env[name];
  // Kubernetes sets SAFELIGHT_PORT=tcp://… for a Service named safelight; it is no port of ours.
  if (name === 'SAFELIGHT_PORT' && value?.startsWith('tcp://')) return undefined;
  return value;
}

function isKnown(name: string): boolean {
  const plain = name.replace(/_FILE$/, '');
  return plain in SETTINGS || name in SETTINGS || /^SAFELIGHT_(PORT_|SERVICE_)/.test(name);
}

/** Whether only this machine reaches an address to listen on. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function databaseUrl(value: string): string | undefined {
  if (value === '') return undefined;
  if (!/^postgres(ql)?:\/\//.test(value)) throw new ConfigError('must start with postgres://');
  const hosts = /^[a-z]+:\/\/(?:[^@/]*@)?([^/?#]*)/.exec(value)?.[1]?.split(',') ?? [];
  // None at all: a socket's folder may be named by `?host=`.
  const isHost = (host: string) => /^([^:[\]]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/.test(host);
  if (hosts.join('') !== '' && !hosts.every(isHost))
    throw new ConfigError('must name each host as HOST or HOST:PORT, divided by commas');
  return value;
}

/** Where objects lie, as SAFELIGHT_OBJECTS tells it. */
export type ObjectsPlace =
  | { readonly kind: 'file'; readonly folder: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly region: string;
      readonly endpoint?: string | undefined;
      readonly prefix?: string | undefined;
    };

const OBJECTS_FORMS = 'must be file:FOLDER or s3://BUCKET?region=…&endpoint=…&prefix=…';
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const KEY_PREFIX = /^[a-z0-9_-][a-z0-9_.-]*(?:\/[a-z0-9_-][a-z0-9_.-]*)*$/;
/** What a store of one's own is called by most of them, and checked by few. */
const REGION_ELSEWHERE = 'us-east-1';

/** @throws ConfigError that tells which part of the text is wrong. */
export function parseObjects(value: string): ObjectsPlace {
  if (/^file:./.test(value)) return { kind: 'file', folder: value.slice('file:'.length) };
  const [, bucket = '', query = ''] = /^s3:\/\/([^/?#]+)(?:\?(.*))?$/.exec(value) ?? [];
  if (!BUCKET.test(bucket)) throw new ConfigError(OBJECTS_FORMS);
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!['region', 'endpoint', 'prefix'].includes(name))
      throw new ConfigError(`${OBJECTS_FORMS}; \`${name}\` is nothing`);
  }
  const endpoint = parameters.get('endpoint') ?? undefined;
  if (endpoint !== undefined && !/^https?:\/\/[^/?#]+\/?$/.test(endpoint))
    throw new ConfigError('must name an endpoint of http or https without a path');
  const prefix = parameters.get('prefix') ?? undefined;
  if (prefix !== undefined && (!KEY_PREFIX.test(prefix) || prefix.length > 200))
    throw new ConfigError('must name a prefix of a-z, 0-9, `_`, `-`, `.` and slashes within');
  const region = parameters.get('region') ?? (endpoint === undefined ? undefined : REGION_ELSEWHERE);
  if (region === undefined || !/^[a-z0-9-]+$/.test(region))
    throw new ConfigError('must name a region, such as region=eu-central-1');
  return { kind: 's3', bucket, region, endpoint, prefix };
}
