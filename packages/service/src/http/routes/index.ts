import type { RouteId } from '@safelight/contract';
import { TenantPlaces } from '../../core/tenant-places.ts';
import { followStale } from '../../events/index.ts';
import type { HttpContext } from '../context.ts';
import { Deliveries } from '../deliveries.ts';
import { forget } from '../forget.ts';
import type { Handler } from '../handler.ts';
import { IiifImages } from '../iiif-images.ts';
import { NegotiatedBefore } from '../negotiated-before.ts';
import { ObjectCache } from '../object-cache.ts';
import { Orders } from '../orders.ts';
import { Uploads } from '../uploads.ts';
import { deliveryHandlers } from './delivery.ts';
import { exerciseHandlers } from './exercise.ts';
import { explainHandlers } from './explain.ts';
import { iiifHandlers } from './iiif.ts';
import { imageHandlers } from './images.ts';
import { nodeHandlers } from './nodes.ts';
import { purgeHandlers } from './purge.ts';
import { scalingHandlers } from './scaling.ts';
import { systemHandlers } from './system.ts';

/** Each is a connection, a timer and a few kilobytes. */
const EVENT_STREAMS_MAX = 1_000;

/** A handler for every route of the contract; a lack is an error of types. */
export function createHandlers(
  parts: Omit<HttpContext, 'uploads' | 'deliveries' | 'orders' | 'negotiated' | 'iiifImages' | 'objects' | 'streams'>,
): Record<RouteId, Handler> {
  const deliveries = new Deliveries(parts);
  const context: HttpContext = {
    ...parts,
    uploads: new Uploads(parts),
    deliveries,
    orders: new Orders(parts, deliveries),
    negotiated: new NegotiatedBefore(),
    iiifImages: new IiifImages(parts),
    objects: new ObjectCache(parts.store, parts.limits.deliveryCacheBytes),
    streams: new TenantPlaces('eventStreams', EVENT_STREAMS_MAX),
  };
  // Told by other nodes, and by this one of itself.
  parts.closing.addEventListener(
    'abort',
    followStale(parts.database, (stale) => forget(context, stale)),
    { once: true },
  );
  return {
    ...exerciseHandlers(context),
    ...imageHandlers(context),
    ...deliveryHandlers(context),
    ...explainHandlers(context),
    ...iiifHandlers(context),
    ...purgeHandlers(context),
    ...nodeHandlers(context),
    ...scalingHandlers(context),
    ...systemHandlers(context),
  };
}
