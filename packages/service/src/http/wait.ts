import type { FastifyReply } from 'fastify';
import { getImage, type Image } from '../images/index.ts';
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

/** Waits until every rendition of the image has ended, or the time is up. */
export async function waitForImage(
  context: HttpContext,
  reply: FastifyReply,
  image: Image,
  secondsMax: number,
): Promise<Image> {
  const { clock, waiters, database } = context;
  const signal = goneSignal(reply);
  const until = clock.monotonic() + secondsMax * 1000;
  for (const rendition of image.renditions) {
    if (rendition.state !== 'pending') continue;
    await waiters.wait(image.tenantId, rendition.renditionId, until - clock.monotonic(), signal);
  }
  const lookup = await getImage(database, image.tenantId, image.imageId);
  return lookup.state === 'found' ? lookup.value : image;
}
