import type { RouteId } from '@safelight/contract';
import { TenantPlaces } from '../../core/tenant-places.ts';
import type { HttpContext } from '../context.ts';
import { Deliveries } from '../deliveries.ts';
import type { Handler } from '../handler.ts';
import { Uploads } from '../uploads.ts';
import { deliveryHandlers } from './delivery.ts';
import { exerciseHandlers } from './exercise.ts';
import { imageHandlers } from './images.ts';
import { systemHandlers } from './system.ts';

/** Each is a connection, a timer and a few kilobytes. */
const EVENT_STREAMS_MAX = 1_000;

/** A handler for every route of the contract; a lack is an error of types. */
export function createHandlers(
  parts: Omit<HttpContext, 'uploads' | 'deliveries' | 'streams'>,
): Record<RouteId, Handler> {
  const context: HttpContext = {
    ...parts,
    uploads: new Uploads(parts),
    deliveries: new Deliveries(),
    streams: new TenantPlaces('eventStreams', EVENT_STREAMS_MAX),
  };
  return {
    ...exerciseHandlers(context),
    ...imageHandlers(context),
    ...deliveryHandlers(context),
    ...systemHandlers(context),
  };
}
