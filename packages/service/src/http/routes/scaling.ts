import { ROUTES, type Scaling, type ScalingMetric } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { listDecisions, readScalerLeader, type ScalingDecision } from '../../fleet/index.ts';
import type { HttpContext } from '../context.ts';
import { ProblemError } from '../problem.ts';

/** A scaler that leads keeps a decision at least every 20 s: an older one says nothing about now. */
const METRIC_AGE_SECONDS_MAX = 60;

/** `/v1/admin/scaling`. */
export function scalingHandlers({ auth, database, positions }: HttpContext) {
  return {
    getScaling: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.getScaling.scope);
      const { limit, before, changes } = ROUTES.getScaling.query.parse(request.query);
      // One more than asked for tells whether there is a next page.
      const page = { before: before === undefined ? undefined : Number(before), limit: limit + 1 };
      const reads = positions.reads(request, reply);
      const [leader, found, [newest]] = await Promise.all([
        readScalerLeader(reads),
        listDecisions(reads, { ...page, changesOnly: changes === 'true' }),
        listDecisions(reads, { limit: 1 }),
      ]);
      const decisions = found.slice(0, limit);
      const answer: Scaling = {
        ...(leader !== undefined && { leader }),
        ...(newest && { pool: newest.pool, policy: newest.policy }),
        decisions: decisions.map(toResource),
        ...(found.length > limit && { next: String(decisions.at(-1)?.id) }),
      };
      return reply.header('cache-control', 'no-store').send(answer);
    },
    getScalingMetric: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.getScalingMetric.scope);
      const [newest] = await listDecisions(database, { limit: 1 });
      if (!newest || newest.ageSeconds > METRIC_AGE_SECONDS_MAX) {
        throw new ProblemError('scaling_unknown', { detail: 'Start a node with the role `scaler`.' });
      }
      const { workers, drainSeconds, reason, ageSeconds, observations } = newest;
      const { live, normal, batch } = observations.workSecondsQueued;
      const answer: ScalingMetric = {
        workers,
        workersReady: observations.workersReady,
        backlogSeconds: live + normal + batch,
        drainSeconds,
        reason,
        ageSeconds,
      };
      return reply.header('cache-control', 'no-store').send(answer);
    },
  };
}

function toResource(decision: ScalingDecision): Scaling['decisions'][number] {
  const { id, at, nodeId, workersBefore, workers, workersNeeded, reason, cutBy, drainSeconds } = decision;
  const { failure, observations } = decision;
  return {
    id,
    at: at.toISOString(),
    node: nodeId,
    workersBefore,
    workers,
    workersNeeded,
    reason,
    cutBy: [...cutBy],
    drainSeconds,
    ...(failure !== null && { failure }),
    observations,
  };
}
