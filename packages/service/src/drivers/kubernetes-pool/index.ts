import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { invariant } from '../../core/invariant.ts';
import {
  type MachineKind,
  type MachinePool,
  PoolChangedError,
  PoolRefusedError,
  type PoolState,
  PoolUnavailableError,
} from '../../ports/machine-pool.ts';
import { ask } from './ask.ts';

export interface KubernetesPoolOptions {
  /** Of the API server; http is for `kubectl proxy`. */
  readonly url: string;
  readonly namespace: string;
  readonly resource: 'deployments' | 'statefulsets';
  readonly name: string;
  /** Folder with `token` and `ca.crt`, as Kubernetes mounts it into a pod. */
  readonly accountDirectory: string;
  readonly kind: MachineKind;
}

/**
 * The sub-resource `scale` of a workload, version autoscaling/v1, as the reference of the Kubernetes API has it
 * (https://kubernetes.io/docs/reference/kubernetes-api/autoscaling/scale-v1/). Zeroes are left out by the server.
 */
interface Scale {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string };
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly replicas?: number };
}

/**
 * The replicas of a Deployment or StatefulSet; each pod is a machine. Its account needs `get` and `update` on
 * `deployments/scale` (or `statefulsets/scale`) of that one name, and nothing else.
 * Kubernetes ends pods with SIGTERM, which drains: `terminationGracePeriodSeconds` must be longer than the longest job.
 */
export function openKubernetesPool(options: KubernetesPoolOptions): MachinePool {
  const { url, namespace, resource, name } = options;
  const path = `/apis/apps/v1/namespaces/${namespace}/${resource}/${name}/scale`;
  const address = new URL(path, url);
  // A pod's host name is the workload's, a dash, and what tells it from others.
  const pods = new RegExp(`^${name.replaceAll('.', '\\.')}-[a-z0-9-]+$`);
  return {
    kind: options.kind,
    isOfThisNode: false,
    owns: ({ host }) => pods.test(host),
    look: async () => toState(await call(options, address, 'GET')),
    resize: async (machines, version) => {
      invariant(Number.isSafeInteger(machines) && machines >= 0, 'a pool has a whole number of machines');
      const scale: Scale = {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        // With it the server refuses an order that was thought out on an older state.
        metadata: { name, namespace, resourceVersion: version },
        spec: { replicas: machines },
      };
      await call(options, address, 'PUT', scale);
    },
    close: () => Promise.resolve(),
  };
}

function toState(scale: Scale): PoolState {
  const version = scale.metadata?.resourceVersion;
  if (scale.kind !== 'Scale' || version === undefined)
    throw new PoolRefusedError(`the Kubernetes API answered a ${scale.kind} in the place of a Scale`);
  return { ordered: scale.spec?.replicas ?? 0, present: scale.status?.replicas ?? 0, version };
}

async function call(options: KubernetesPoolOptions, url: URL, method: 'GET' | 'PUT', body?: Scale): Promise<Scale> {
  // `kubectl proxy` brings its own identity, and a token never travels in the clear.
  const { token, ca } = url.protocol === 'http:' ? {} : await readAccount(options.accountDirectory);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const answer = await ask({ url, method, token, ca, body: text }).catch((error: Error) => {
    throw new PoolUnavailableError(`the Kubernetes API does not answer: ${error.message}`, { cause: error });
  });
  const parsed = parse(answer.body);
  if (answer.status >= 200 && answer.status < 300 && parsed) return parsed as Scale;
  const why = `the Kubernetes API answered ${answer.status} to ${method} ${url.pathname}: ${messageOf(parsed)}`;
  if (answer.status === 409) throw new PoolChangedError(why);
  if (answer.status === 429 || answer.status >= 500 || answer.status < 300) throw new PoolUnavailableError(why);
  throw new PoolRefusedError(why);
}

/** Read each time: the kubelet renews a bound token long before it expires. */
async function readAccount(directory: string): Promise<{ token?: string; ca?: string }> {
  try {
    const [token, ca] = await Promise.all(['token', 'ca.crt'].map((file) => readFile(join(directory, file), 'utf8')));
    return { ...(token !== undefined && { token: token.trim() }), ...(ca !== undefined && { ca }) };
  } catch (error) {
    throw new PoolRefusedError(`the service account cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Of meta/v1 Status. */
function messageOf(answer: object | undefined): string {
  const message = (answer as { message?: unknown } | undefined)?.message;
  return typeof message === 'string' ? message.slice(0, 200) : 'no message';
}
