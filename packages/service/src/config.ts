import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';

/** The start stops here: one clear line that names the setting, what it holds and what it may hold. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const ROLES = ['api', 'worker', 'janitor'] as const;
export type Role = (typeof ROLES)[number];

interface Setting<T> {
  readonly about: string;
  /** As the reference shows it. */
  readonly fallback: string;
  readonly secret?: true;
  readonly parse: (text: string) => T;
}

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
    about: 'PostgreSQL to use; absent: an embedded one in the data folder.',
    fallback: '',
    secret: true,
    parse: (value: string) => {
      if (value !== '' && !/^postgres(ql)?:\/\//.test(value)) throw new ConfigError('must start with postgres://');
      return value === '' ? undefined : value;
    },
  },
  SAFELIGHT_DATABASE_CONNECTIONS: {
    about: 'Connections of this node at most.',
    fallback: '16',
    parse: integer(2, 500),
  },
  SAFELIGHT_OBJECTS: {
    about: 'Where objects lie: `file:FOLDER`, relative to the data folder.',
    fallback: 'file:objects',
    parse: (value: string) => {
      if (!value.startsWith('file:') || value.length === 5) throw new ConfigError('must be file:FOLDER');
      return value.slice('file:'.length);
    },
  },
  SAFELIGHT_ROLES: {
    about: `Roles of this node, of ${ROLES.join(', ')}.`,
    fallback: ROLES.join(','),
    parse: (value: string) => {
      const roles = value.split(',').map((role) => role.trim());
      for (const role of roles) {
        if (!ROLES.includes(role as Role))
          throw new ConfigError(`knows no role \`${role}\`; roles are ${ROLES.join(', ')}`);
      }
      return new Set(roles as Role[]);
    },
  },
  SAFELIGHT_WORKERS: {
    about: 'Worker processes; absent: one per core.',
    fallback: 'cores',
    parse: (value: string) => (value === 'cores' ? availableParallelism() : integer(1, 256)(value)),
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
  return { config: Object.fromEntries(entries) as Config, unknown, given };
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

function text(value: string): string {
  return value;
}

function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    if (!/^\d{1,16}$/.test(value) || Number(value) < min || Number(value) > max) {
      throw new ConfigError(`must be a whole number from ${min} to ${max}`);
    }
    return Number(value);
  };
}
