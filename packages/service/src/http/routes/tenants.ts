import { ROUTES, type TenantPage } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import type { Transaction } from '../../db/database.ts';
import {
  addTenant,
  beginTenantDeletion,
  changeTenant,
  findTenant,
  getTenant,
  listPlans,
  listTenants,
  putPlan,
  resumeTenant,
  suspendTenant,
  type Tenant,
  toPlanList,
  toPlanResource,
  toTenantResource,
} from '../../tenants/index.ts';
import type { HttpContext } from '../context.ts';
import { forget } from '../forget.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';

type Act = (tx: Transaction, act: { readonly tenantId: string; readonly actor: string }) => Promise<boolean>;

/** `/v1/admin/tenants` and `/v1/admin/plans`. */
export function tenantHandlers(context: HttpContext) {
  const { auth, database, clock } = context;
  return {
    createTenant: (request: FastifyRequest, reply: FastifyReply) => create(context, request, reply),
    listTenants: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.listTenants.scope);
      return unstored(reply).send(await list(context, request));
    },
    getTenant: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.getTenant.scope);
      return unstored(reply).send(toTenantResource(await named(context, request)));
    },
    changeTenant: async (request: FastifyRequest, reply: FastifyReply) => {
      const { actor } = await auth.principal(request, ROUTES.changeTenant.scope);
      const change = await readJson(request, ROUTES.changeTenant.body);
      return act(context, request, reply, actor, (tx, whose) => changeTenant(tx, clock, whose, change));
    },
    suspendTenant: async (request: FastifyRequest, reply: FastifyReply) => {
      const { actor } = await auth.principal(request, ROUTES.suspendTenant.scope);
      const { deliveries } = request.query as { deliveries: 'true' | 'false' };
      return act(context, request, reply, actor, (tx, whose) => suspendTenant(tx, clock, whose, deliveries === 'true'));
    },
    resumeTenant: async (request: FastifyRequest, reply: FastifyReply) => {
      const { actor } = await auth.principal(request, ROUTES.resumeTenant.scope);
      return act(context, request, reply, actor, (tx, whose) => resumeTenant(tx, clock, whose));
    },
    deleteTenant: async (request: FastifyRequest, reply: FastifyReply) => {
      const { actor } = await auth.principal(request, ROUTES.deleteTenant.scope);
      return act(context, request, reply.code(202), actor, (tx, whose) => beginTenantDeletion(tx, clock, whose));
    },
    listPlans: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.listPlans.scope);
      return unstored(reply).send(toPlanList(await listPlans(database)));
    },
    putPlan: async (request: FastifyRequest, reply: FastifyReply) => {
      const { actor } = await auth.principal(request, ROUTES.putPlan.scope);
      const { plan: name } = request.params as { plan: string };
      const document = await readJson(request, ROUTES.putPlan.body);
      const plan = await database.transaction((tx) => putPlan(tx, clock, { name, actor, document }));
      context.hint('events');
      // Its tenants may be many: all are asked for anew.
      context.auth.forgetTenant();
      return unstored(reply).send(toPlanResource(plan));
    },
  };
}

async function create(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { auth, database, clock } = context;
  const { actor } = await auth.principal(request, ROUTES.createTenant.scope);
  const { name, ...wishes } = await readJson(request, ROUTES.createTenant.body);
  const { tenantId, key } = await database.transaction((tx) => addTenant(tx, clock, { slug: name, actor, ...wishes }));
  context.hint('events');
  // It may have been asked for as one that is not there.
  auth.forgetTenant(tenantId);
  const tenant = await getTenant(database, tenantId);
  if (!tenant) throw new ProblemError('tenant_not_found');
  return unstored(reply.code(201)).send({ ...toTenantResource(tenant), key });
}

async function list({ database }: HttpContext, request: FastifyRequest): Promise<TenantPage> {
  const { limit, after, status } = ROUTES.listTenants.query.parse(request.query);
  if (after !== undefined && !isId('tenant', after)) {
    throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
  }
  // One more than asked for tells whether there is a next page.
  const found = await listTenants(database, { limit: limit + 1, after, status });
  const tenants = found.slice(0, limit).map(toTenantResource);
  const next = found.length > limit ? tenants.at(-1)?.id : undefined;
  return { tenants, ...(next !== undefined && { next }) };
}

/** Changes a tenant, has this node forget what it knew of it, and answers what it is now. */
async function act(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  actor: string,
  work: Act,
): Promise<FastifyReply> {
  const { tenantId } = await named(context, request);
  const isThere = await context.database.transaction((tx) => work(tx, { tenantId, actor }));
  // The other nodes hear at the commit.
  forget(context, { tenantId, imageId: undefined });
  context.hint('events');
  const tenant = isThere ? await getTenant(context.database, tenantId) : undefined;
  if (!tenant) throw new ProblemError('tenant_not_found');
  return unstored(reply).send(toTenantResource(tenant));
}

/** As the database has it now. */
async function named({ database }: HttpContext, request: FastifyRequest): Promise<Tenant> {
  const { tenant: name } = request.params as { tenant: string };
  const tenant = isId('tenant', name) ? await getTenant(database, name) : await findTenant(database, name);
  if (!tenant) throw new ProblemError('tenant_not_found');
  return tenant;
}

function unstored(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store');
}
