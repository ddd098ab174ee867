import type { NodePage, Scaling, ScalingMetric } from '@safelight/contract';
import { json } from './images.ts';
import type { Transport } from './transport.ts';

/** What an operator sees of all the machines; for keys with the scope `admin`. */
export interface Fleet {
  /** A page of the nodes of the installation. `next` of a page is `after` of the one behind it. */
  nodes(options?: {
    readonly limit?: number | undefined;
    readonly after?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<NodePage>;
  /** A page of what the autoscaler decided, the newest first, and its policy. `next` of a page is `before` of the one behind it. */
  scaling(options?: {
    /** 1 to 500. */
    readonly limit?: number | undefined;
    readonly before?: string | undefined;
    /** Only decisions that changed the size of the fleet. */
    readonly changesOnly?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Scaling>;
  /** The last decision as numbers. Rejects with `scaling_unknown` while no node decides. */
  scalingMetric(options?: { readonly signal?: AbortSignal | undefined }): Promise<ScalingMetric>;
}

export function createFleet(transport: Transport): Fleet {
  return {
    nodes: ({ limit, after, signal } = {}) =>
      json<NodePage>(transport, { method: 'GET', path: '/v1/admin/nodes', query: { limit, after }, signal }),
    scaling: ({ limit, before, changesOnly, signal } = {}) => {
      const query = { limit, before, changes: changesOnly ? 'true' : undefined };
      return json<Scaling>(transport, { method: 'GET', path: '/v1/admin/scaling', query, signal });
    },
    scalingMetric: (call) =>
      json<ScalingMetric>(transport, { method: 'GET', path: '/v1/admin/scaling/metric', ...call }),
  };
}
