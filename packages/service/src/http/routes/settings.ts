import { type Feature, ROUTES, type Settings, type SettingsChange } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { changeTenant, getTenant, type Tenant, TenantRefusedError } from '../../tenants/index.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { forget } from '../forget.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';
import { refuseFeature } from '../standing.ts';

/** What only some plans include. Deliveries and uploads are held to the plan too: it may change after the setting. */
const NEEDS: readonly (readonly [Feature, (wish: SettingsChange) => boolean])[] = [
  ['open_urls', ({ unsignedUrls }) => unsignedUrls === 'open'],
  ['iiif', ({ iiif = 'off' }) => iiif !== 'off'],
  ['private_images', ({ settings }) => settings?.visibility === 'private'],
  ['avif', ({ settings }) => settings?.formats?.includes('avif') === true],
];

/** `/v1/settings`. */
export function settingHandlers(context: HttpContext) {
  const { auth, database, clock } = context;
  return {
    getSettings: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.getSettings.scope);
      return answer(context, reply, tenantId);
    },
    changeSettings: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.changeSettings.scope);
      const { tenantId, actor } = principal;
      const wish = await readJson(request, ROUTES.changeSettings.body);
      refuseUnplanned(await tenantOf(context, principal), wish);
      await database.transaction((tx) => changeTenant(tx, clock, { tenantId, actor }, wish)).catch(ended);
      // The other nodes hear at the commit.
      forget(context, { tenantId, imageId: undefined });
      context.hint('events');
      return answer(context, reply, tenantId);
    },
  };
}

/** What stands so already may be said again, by a form that sends everything. @throws ProblemError */
function refuseUnplanned(tenant: Tenant, wish: SettingsChange): void {
  for (const [feature, isWished] of NEEDS) if (isWished(wish) && !isWished(tenant)) refuseFeature(tenant, feature);
}

/** A tenant that is on its way out is answered as one that is gone, as by every other route. */
function ended(error: unknown): never {
  throw error instanceof TenantRefusedError ? new ProblemError('key_invalid') : error;
}

/** As the database has it now. */
async function answer({ database }: HttpContext, reply: FastifyReply, tenantId: string): Promise<FastifyReply> {
  const tenant = await getTenant(database, tenantId);
  if (!tenant) throw new ProblemError('key_invalid');
  const { settings, unsignedUrls, iiif } = tenant;
  return reply.header('cache-control', 'no-store').send({ settings, unsignedUrls, iiif } satisfies Settings);
}
