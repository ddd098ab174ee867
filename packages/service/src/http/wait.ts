import type { FastifyReply } from 'fastify';
import { PlacesTakenError } from '../core/tenant-places.ts';
import { getImage, type Image } from '../images/index.ts';
import { promote } from '../jobs/index.ts';
import type { HttpContext } from './context.ts';

/** Fires when the client goes away before it has its answer. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  // The answer's own event, not the socket's: that outlives the request, and listeners would pile up on it.
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

/**
 * Waits until every rendition of the image has ended, or the time is up. The image is accepted whatever comes of the
 * wait: when too many wait already, it is answered as it stands.
 */
export async function waitForImage(
  context: HttpContext,
  reply: FastifyReply,
  accepted: Image,
  secondsMax: number,
): Promise<Image> {
  const { clock, waiters, database } = context;
  const signal = goneSignal(reply);
  const until = clock.monotonic() + secondsMax * 1000;
  let image = accepted;
  await hurry(context, accepted);
  for (;;) {
    // One at a time, looked at anew: what ended together with it is not waited for.
    const pending = image.renditions.find((rendition) => rendition.state === 'pending');
    const leftMs = until - clock.monotonic();
    if (!pending || leftMs <= 0 || signal.aborted || context.closing.aborted) return image;
    try {
      await waiters.wait(image.tenantId, pending.renditionId, leftMs, signal);
    } catch (error) {
      if (error instanceof PlacesTakenError) return image;
      throw error;
    }
    const lookup = await getImage(database, image.tenantId, image.imageId);
    if (lookup.state !== 'found') return image;
    image = lookup.value;
  }
}

/** Somebody waits: the jobs that still owe something to the image move to the `live` lane. */
async function hurry({ database, hint }: HttpContext, image: Image): Promise<void> {
  const pending = image.renditions.filter((rendition) => rendition.state === 'pending');
  const jobIds = new Set(pending.flatMap(({ jobId }) => jobId ?? []));
  for (const jobId of jobIds) await database.asTenant(image.tenantId, (tx) => promote(tx, image.tenantId, jobId));
  if (jobIds.size > 0) hint('jobs');
}
