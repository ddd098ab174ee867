import type { FastifyReply } from 'fastify';
import type { Delivery, Lookup } from '../images/index.ts';
import type { Rendition } from '../renditions/index.ts';
import type { HttpContext } from './context.ts';
import { willingMs } from './deadline.ts';
import { type Found, toDeliverable, toOriginal } from './deliverable.ts';
import { existing } from './existing.ts';
import { ProblemError } from './problem.ts';
import { refuseNewRendition } from './standing.ts';
import { goneSignal } from './wait.ts';

/** What a URL names: one image under one transformation. */
export interface Wanted {
  readonly tenantId: string;
  readonly imageId: string;
  /** In canonical form. */
  readonly transformation: string;
}

/**
 * The object of a rendition: from memory; from the database once it is ready, waiting for it as long as it may; made
 * for this request if nobody has asked for it before.
 * @throws ProblemError when there is none, it has failed, or the time is up.
 */
export async function findRendition(context: HttpContext, reply: FastifyReply, wanted: Wanted): Promise<Found> {
  const { tenantId, imageId, transformation } = wanted;
  const cached = context.deliveries.get(tenantId, imageId, transformation);
  if (cached) return { object: cached, foundIn: 'facts', waitMs: 0 };
  const { lookup, cause, waitMs } = await awaitRendition(context, reply, wanted);
  const object = toDeliverable(tenantId, imageId, lookup);
  if (object) return { object, foundIn: 'database', waitMs };
  throw new ProblemError('rendition_failed', { ...(cause && { cause, detail: cause.message }) });
}

/** The bytes as they were uploaded: from memory, or from the database. @throws ProblemError when there are none. */
export async function findOriginal(
  { deliveries }: Pick<HttpContext, 'deliveries'>,
  { tenantId, imageId }: Omit<Wanted, 'transformation'>,
): Promise<Found> {
  const cached = deliveries.getOriginal(tenantId, imageId);
  if (cached) return { object: cached, foundIn: 'facts', waitMs: 0 };
  const delivery = existing(await deliveries.lookOriginal(tenantId, imageId));
  return { object: toOriginal(tenantId, imageId, delivery), foundIn: 'database', waitMs: 0 };
}

/** Looks until the rendition has ended. */
async function awaitRendition(
  context: HttpContext,
  reply: FastifyReply,
  { tenantId, imageId, transformation }: Wanted,
): Promise<{ lookup: Lookup<Delivery>; cause: Rendition['cause']; waitMs: number }> {
  const { clock, waiters, limits, deliveries, orders } = context;
  const since = clock.monotonic();
  const waitMsMax = willingMs(reply.request, limits.waitMs);
  const until = since + waitMsMax;
  let signal: AbortSignal | undefined;
  let hurried = false;
  for (;;) {
    const lookup = hurried
      ? await orders.lookAnew(tenantId, imageId, transformation)
      : await deliveries.look(tenantId, imageId, transformation);
    const delivery = existing(lookup);
    let { rendition } = delivery;
    if (rendition && rendition.state !== 'pending') {
      const waitMs = hurried ? clock.monotonic() - since : 0;
      if (hurried) orders.noteWait(tenantId, waitMs);
      return { lookup, cause: rendition.cause, waitMs };
    }
    signal ??= goneSignal(reply);
    const gone = signal;
    if (!hurried) {
      await refuseNewRendition(context, tenantId);
      hurried = true;
      const order = () => orders.order(tenantId, delivery, transformation, gone);
      // Who hurries what is ordered already costs nothing more.
      rendition = (await (rendition ? order() : context.budgets.within(tenantId, order)))?.rendition;
      if (!rendition) continue;
    }
    const leftMs = until - clock.monotonic();
    // Who is impatient tells nothing of how fast they are made.
    if (leftMs <= 0 && waitMsMax === limits.waitMs) orders.noteWait(tenantId, waitMsMax);
    if (!rendition || leftMs <= 0 || gone.aborted || context.closing.aborted) throw stillPending();
    // Between the look and the wait the rendition may have ended: the poll behind the wait finds out.
    const { renditionId } = rendition;
    const ended = await orders.awaiting(tenantId, renditionId, () => waiters.wait(tenantId, renditionId, leftMs, gone));
    if (!ended) continue;
    // Committed by this node a moment ago: there is nothing to ask. It is not kept, since nothing tells here of a deletion.
    const waitMs = clock.monotonic() - since;
    orders.noteWait(tenantId, waitMs);
    return { lookup: { state: 'found', value: { ...delivery, rendition: ended } }, cause: ended.cause, waitMs };
  }
}

function stillPending(): ProblemError {
  return new ProblemError('rendition_pending', {
    detail: 'Ask again; the request will wait again.',
    retryAfterSeconds: 1,
  });
}
