import { type Budget as BudgetResource, ROUTES, type Usage as UsageResource } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Tenant } from '../../tenants/index.ts';
import {
  type Budget,
  readBudget,
  readUsage,
  readUsageEvents,
  setBudget,
  standingOf,
  toUsageResource,
  usageCsv,
} from '../../usage/index.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { readJson } from '../json-body.ts';

/** `/v1/usage` and `/v1/budget`. */
export function usageHandlers(context: HttpContext) {
  const { auth, database, clock, budgets, hint } = context;
  return {
    getUsage: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.getUsage.scope);
      const tenant = await tenantOf(context, principal);
      const { from, to, by, format } = ROUTES.getUsage.query.parse(request.query);
      const range = { from: msOf(from), to: msOf(to), by };
      const { tenantId } = tenant;
      const report = await database.asTenant(tenantId, (tx) => readUsage(tx, tenantId, range, tenant.plan.prices));
      const usage: UsageResource = toUsageResource(report, by);
      reply.header('cache-control', 'no-store');
      return format === 'csv' ? reply.type('text/csv; charset=utf-8').send(usageCsv(usage)) : reply.send(usage);
    },
    listUsageEvents: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listUsageEvents.scope);
      const { after, limit } = ROUTES.listUsageEvents.query.parse(request.query);
      const page = { after: msOf(after), limit };
      const { events, next } = await readUsageEvents(database, tenantId, page);
      return reply
        .header('cache-control', 'no-store')
        .send({ events, ...(next !== undefined && { next: new Date(next).toISOString() }) });
    },
    getBudget: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.getBudget.scope);
      const tenant = await tenantOf(context, principal);
      const { tenantId } = tenant;
      const budget = await database.asTenant(tenantId, (tx) => readBudget(tx, tenantId));
      return reply.header('cache-control', 'no-store').send(toBudgetResource(tenant, budget));
    },
    putBudget: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.putBudget.scope);
      const tenant = await tenantOf(context, principal);
      const bounds = await readJson(request, ROUTES.putBudget.body);
      const { tenantId, plan } = tenant;
      const { actor } = principal;
      const budget = await database.transaction((tx) => setBudget(tx, clock, tenantId, bounds, { actor, plan }));
      hint('events');
      budgets.forget(tenantId);
      return reply.header('cache-control', 'no-store').send(toBudgetResource(tenant, budget));
    },
  };
}

function toBudgetResource({ plan, settings }: Tenant, budget: Budget | undefined): BudgetResource {
  return {
    currency: plan.prices.currency,
    softMicros: budget?.softMicros ?? null,
    hardMicros: budget?.hardMicros ?? null,
    policy: settings.onBudget,
    ...(budget && { month: budget.month.toISOString() }),
    meteredMicros: budget?.meteredMicros ?? 0,
    reservedMicros: budget?.reservedMicros ?? 0,
    standing: standingOf(budget),
  };
}

function msOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
