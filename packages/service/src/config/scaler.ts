import { availableParallelism } from 'node:os';
import { ConfigError, integer, type Setting } from './parse.ts';

/** Whose machines the scaler orders. */
export type PoolPlace =
  | { readonly kind: 'none' }
  | { readonly kind: 'processes' }
  | {
      readonly kind: 'kubernetes';
      readonly namespace: string;
      readonly resource: 'deployments' | 'statefulsets';
      readonly name: string;
      readonly url: string;
      readonly accountDirectory: string;
      readonly workers: number;
      readonly connections: number;
      readonly startSeconds: number;
    };

const WORKERS_MAX = 100_000;

/** Of the role `scaler`. */
export const SCALER_SETTINGS = {
  SAFELIGHT_SCALER_POOL: {
    about:
      'Whose machines the role `scaler` orders: `none` (it decides, others read what), `processes` (worker processes on ' +
      'this machine, beside those of SAFELIGHT_WORKERS), or `kubernetes:NAMESPACE/deployments/NAME` (or `statefulsets`), with ' +
      '`?workers=` and `&connections=` of one pod, `&start=` seconds until it works, `&url=` of the API server and ' +
      '`&account=` folder of token and ca.crt where they are not where Kubernetes puts them.',
    fallback: 'none',
    parse: poolPlace,
  },
  SAFELIGHT_SCALER_MIN: {
    about: 'Worker processes of the whole installation at least; those that no scaler orders count.',
    fallback: '1',
    parse: integer(0, WORKERS_MAX),
  },
  SAFELIGHT_SCALER_MAX: {
    about: 'And at most; `cores`: one per core of this machine, which suits the pool `processes`.',
    fallback: 'cores',
    parse: (value: string) => (value === 'cores' ? availableParallelism() : integer(0, WORKERS_MAX)(value)),
  },
  SAFELIGHT_SCALER_OBJECTIVE_SECONDS: {
    about: 'How long a job of the lanes `live` and `normal` may wait.',
    fallback: '10',
    parse: integer(1, 3_600),
  },
  SAFELIGHT_SCALER_BATCH_SECONDS: {
    about:
      'How long a job of the lane `batch` may wait: imports, and smaller files for pictures that are served already.',
    fallback: '3600',
    parse: integer(1, 7 * 86_400),
  },
  SAFELIGHT_SCALER_CLAIMS_MAX: {
    about:
      'Jobs that the database can hand out and end per second, all nodes together; no worker is ordered that would have to ' +
      'wait for it. The default is what two cores do that others use too; `none`: no bound.',
    fallback: '760',
    parse: (value: string) => (value === 'none' ? undefined : integer(1, 1_000_000)(value)),
  },
  SAFELIGHT_SCALER_COOL_DOWN_SECONDS: {
    about: 'No worker is given up for so long after more were ordered; a quarter of it lies between two steps down.',
    fallback: '120',
    parse: integer(1, 86_400),
  },
  SAFELIGHT_SCALER_WORKER_COST: {
    about: 'What one worker process costs per hour, in any currency.',
    fallback: '0',
    parse: amount,
  },
  SAFELIGHT_SCALER_COST_MAX: {
    about: 'What all of them may cost per hour, in the same; absent: no ceiling.',
    fallback: '',
    parse: (value: string) => (value === '' ? undefined : amount(value)),
  },
  SAFELIGHT_JOB_GRACE_SECONDS: {
    about: 'Seconds that jobs under way may take when the node ends; then they are given back to the queue.',
    fallback: '4',
    parse: integer(0, 3_600),
  },
} as const satisfies Record<string, Setting<unknown>>;

/** @throws ConfigError where the settings contradict each other. */
export function checkScaler(config: { readonly SAFELIGHT_SCALER_MIN: number; readonly SAFELIGHT_SCALER_MAX: number }) {
  const { SAFELIGHT_SCALER_MIN: min, SAFELIGHT_SCALER_MAX: max } = config;
  if (min > max) throw new ConfigError(`SAFELIGHT_SCALER_MIN (${min}) must not be above SAFELIGHT_SCALER_MAX (${max})`);
}

function amount(value: string): number {
  if (!/^\d{1,9}(\.\d{1,6})?$/.test(value)) throw new ConfigError('must be an amount such as 0.045');
  return Number(value);
}

const POOL_FORMS = 'must be none, processes or kubernetes:NAMESPACE/deployments/NAME';
/** A label of RFC 1123, which Kubernetes demands of these names. */
const POOL =
  /^kubernetes:([a-z0-9][a-z0-9-]{0,62})\/(deployments|statefulsets)\/([a-z0-9][a-z0-9.-]{0,252})(?:\?(.*))?$/;
const ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
const API_URL = 'https://kubernetes.default.svc';

function poolPlace(value: string): PoolPlace {
  if (value === 'none' || value === 'processes') return { kind: value };
  const [, namespace, resource, name, query = ''] = POOL.exec(value) ?? [];
  if (namespace === undefined || name === undefined) throw new ConfigError(POOL_FORMS);
  const given = new URLSearchParams(query);
  for (const parameter of given.keys()) {
    if (!['workers', 'connections', 'start', 'url', 'account'].includes(parameter))
      throw new ConfigError(`${POOL_FORMS}; \`${parameter}\` is nothing`);
  }
  const whole = (parameter: string, fallback: string, min: number, max: number) => {
    try {
      return integer(min, max)(given.get(parameter) ?? fallback);
    } catch (error) {
      throw new ConfigError(`has a wrong \`${parameter}\`: it ${(error as Error).message}`);
    }
  };
  const url = given.get('url') ?? API_URL;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new ConfigError('has a wrong `url`: it must be one of http or https');
  const workers = whole('workers', '1', 1, 256);
  return {
    kind: 'kubernetes',
    namespace,
    resource: resource === 'statefulsets' ? resource : 'deployments',
    name,
    url,
    accountDirectory: given.get('account') ?? ACCOUNT_DIRECTORY,
    workers,
    // As SAFELIGHT_DATABASE_CONNECTIONS has it by itself, and the one that listens.
    connections: whole('connections', '17', 1, 1_000),
    startSeconds: whole('start', '30', 0, 3_600),
  };
}
