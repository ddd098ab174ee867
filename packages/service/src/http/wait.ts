import type { FastifyRequest } from 'fastify';
import { getImage, type Image } from '../images/index.ts';
import type { HttpContext } from './context.ts';

/** Fires when the client goes away. */
export function goneSignal(request: FastifyRequest): AbortSignal {
  const controller = new AbortController();
  request.raw.socket.once('close', () => controller.abort());
  return controller.signal;
}

/** Waits until every rendition of the image has ended, or the time is up. */
export async function waitForImage(
  context: HttpContext,
  request: FastifyRequest,
  image: Image,
  secondsMax: number,
): Promise<Image> {
  const { clock, waiters, database } = context;
  const signal = goneSignal(request);
  const until = clock.monotonic() + secondsMax * 1000;
  for (const rendition of image.renditions) {
    if (rendition.state !== 'pending') continue;
    await waiters.wait(image.tenantId, rendition.renditionId, until - clock.monotonic(), signal);
  }
  const lookup = await getImage(database, image.tenantId, image.imageId);
  return lookup.state === 'found' ? lookup.value : image;
}
