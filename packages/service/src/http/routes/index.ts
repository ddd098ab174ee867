import type { RouteId } from '@safelight/contract';
import { TenantPlaces } from '../../core/tenant-places.ts';
import { followStale } from '../../events/index.ts';
import { BudgetGuard } from '../budget-guard.ts';
import type { HttpContext } from '../context.ts';
import { Deliveries } from '../deliveries.ts';
import { forget } from '../forget.ts';
import type { Handler } from '../handler.ts';
import { IiifImages } from '../iiif-images.ts';
import { NegotiatedBefore } from '../negotiated-before.ts';
import { ObjectCache } from '../object-cache.ts';
import { Orders } from '../orders.ts';
import { Quotas } from '../quotas.ts';
import { Shedding } from '../shedding.ts';
import { Uploads } from '../uploads.ts';
import { auditHandlers } from './audit.ts';
import { deliverAccessHandlers } from './deliver-access.ts';
import { deliveryHandlers } from './delivery.ts';
import { domainHandlers } from './domains.ts';
import { erasureHandlers } from './erasures.ts';
import { exerciseHandlers } from './exercise.ts';
import { explainHandlers } from './explain.ts';
import { iiifHandlers } from './iiif.ts';
import { imageHandlers } from './images.ts';
import { keyHandlers } from './keys.ts';
import { limitHandlers } from './limits.ts';
import { nodeHandlers } from './nodes.ts';
import { peopleHandlers } from './people.ts';
import { presetHandlers } from './presets.ts';
import { purgeHandlers } from './purge.ts';
import { scalingHandlers } from './scaling.ts';
import { sessionHandlers } from './session.ts';
import { settingHandlers } from './settings.ts';
import { systemHandlers } from './system.ts';
import { tenantHandlers } from './tenants.ts';
import { uploadHandlers } from './uploads.ts';
import { usageHandlers } from './usage.ts';
import { webhookHandlers } from './webhooks.ts';

/** Each is a connection, a timer and a few kilobytes. */
const EVENT_STREAMS_MAX = 1_000;

/** A handler for every route of the contract; a lack is an error of types. */
export function createHandlers(
  parts: Omit<
    HttpContext,
    'budgets' | 'quotas' | 'uploads' | 'deliveries' | 'orders' | 'negotiated' | 'iiifImages' | 'objects' | 'streams'
  >,
): Record<RouteId, Handler> {
  const deliveries: Deliveries = new Deliveries(parts, (tenantId) => orders.looksRestMs(tenantId));
  const shedding = new Shedding(parts);
  const orders = new Orders(parts, deliveries, shedding);
  const quotas = new Quotas(parts, parts.auth);
  const budgets = new BudgetGuard(parts, quotas);
  const context: HttpContext = {
    ...parts,
    budgets,
    quotas,
    uploads: new Uploads(parts, shedding, budgets),
    deliveries,
    orders,
    negotiated: new NegotiatedBefore(),
    iiifImages: new IiifImages(parts),
    objects: new ObjectCache(parts.store, parts.limits.deliveryCacheBytes, parts.takeFresh),
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
    ...erasureHandlers(context),
    ...uploadHandlers(context),
    ...deliveryHandlers(context),
    ...deliverAccessHandlers(context),
    ...domainHandlers(context),
    ...explainHandlers(context),
    ...iiifHandlers(context),
    ...purgeHandlers(context),
    ...nodeHandlers(context),
    ...scalingHandlers(context),
    ...tenantHandlers(context),
    ...usageHandlers(context),
    ...limitHandlers(context),
    ...webhookHandlers(context),
    ...presetHandlers(context),
    ...settingHandlers(context),
    ...auditHandlers(context),
    ...keyHandlers(context),
    ...sessionHandlers(context),
    ...peopleHandlers(context),
    ...systemHandlers(context),
  };
}
