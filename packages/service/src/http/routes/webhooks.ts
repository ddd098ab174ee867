import { allows, type Webhook as Resource, ROUTES, type WebhookDelivery } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import type { Transaction } from '../../db/database.ts';
import {
  changeWebhook,
  createWebhook,
  type Delivery,
  getWebhook,
  listDeliveries,
  listWebhooks,
  redeliver,
  redeliverMissed,
  removeWebhook,
  rotateWebhookSecret,
  TooManyWebhooksError,
  testWebhook,
  WEBHOOKS_MAX,
  type Webhook,
} from '../../webhooks/index.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';

interface Named {
  readonly tenantId: string;
  readonly actor: string;
  readonly webhookId: string;
}

/** Runs `work` as the tenant of the request, about the webhook that its address names. */
type About = <T>(
  request: FastifyRequest,
  reply: FastifyReply,
  work: (tx: Transaction, named: Named) => Promise<T | undefined>,
) => Promise<T>;

/** `/v1/webhooks`. */
export function webhookHandlers(context: HttpContext) {
  const { auth, database, hint } = context;
  const about: About = async (request, reply, work) => {
    const { tenantId, actor } = await auth.principal(request, 'webhooks:manage');
    const { id: webhookId } = request.params as { id: string };
    if (!isId('webhook', webhookId)) throw new ProblemError('webhook_not_found');
    const found = await database.asTenant(tenantId, (tx) => work(tx, { tenantId, actor, webhookId }));
    if (found === undefined) throw new ProblemError('webhook_not_found');
    hint('events');
    reply.header('cache-control', 'no-store');
    return found;
  };
  return { ...webhooksThemselves(context, about), ...messages(context, about) };
}

function webhooksThemselves(context: HttpContext, about: About) {
  const { auth, database, clock } = context;
  return {
    createWebhook: (request: FastifyRequest, reply: FastifyReply) => create(context, request, reply),
    listWebhooks: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listWebhooks.scope);
      const webhooks = await database.asTenant(tenantId, (tx) => listWebhooks(tx, tenantId));
      return reply.header('cache-control', 'no-store').send({ webhooks: webhooks.map(toResource) });
    },
    getWebhook: async (request: FastifyRequest, reply: FastifyReply) =>
      toResource(await about(request, reply, (tx, { tenantId, webhookId }) => getWebhook(tx, tenantId, webhookId))),
    changeWebhook: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.changeWebhook.scope);
      const change = await readJson(request, ROUTES.changeWebhook.body);
      const changed = about(request, reply, (tx, named) => changeWebhook(tx, clock, named, named.webhookId, change));
      return toResource(await changed);
    },
    removeWebhook: (request: FastifyRequest, reply: FastifyReply) =>
      about(request, reply, async (tx, named) =>
        (await removeWebhook(tx, clock, named, named.webhookId)) ? { id: named.webhookId } : undefined,
      ),
    rotateWebhookSecret: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.rotateWebhookSecret.scope);
      const { overlapSeconds } = await readJson(request, ROUTES.rotateWebhookSecret.body);
      return about(request, reply, async (tx, named) => {
        const rotated = await rotateWebhookSecret(tx, clock, named, named.webhookId, overlapSeconds);
        return rotated && { id: named.webhookId, ...rotated, previousUntil: rotated.previousUntil.toISOString() };
      });
    },
  };
}

function messages({ auth, clock }: HttpContext, about: About) {
  return {
    testWebhook: (request: FastifyRequest, reply: FastifyReply) =>
      about(request, reply.code(202), async (tx, named) =>
        (await testWebhook(tx, clock, named, named.webhookId)) ? { id: named.webhookId } : undefined,
      ),
    listWebhookDeliveries: (request: FastifyRequest, reply: FastifyReply) => {
      const { limit, after, state } = ROUTES.listWebhookDeliveries.query.parse(request.query);
      return about(request, reply, async (tx, named) => {
        if (!(await getWebhook(tx, named.tenantId, named.webhookId))) return undefined;
        // One more than asked for tells whether there is a next page.
        const found = await listDeliveries(tx, named, { beforePosition: after, state, limit: limit + 1 });
        const deliveries = found.slice(0, limit);
        return {
          deliveries: deliveries.map(toDelivery),
          ...(found.length > limit && { next: deliveries.at(-1)?.position }),
        };
      });
    },
    redeliverWebhook: async (request: FastifyRequest, reply: FastifyReply) => {
      await auth.principal(request, ROUTES.redeliverWebhook.scope);
      const { eventId, since } = await readJson(request, ROUTES.redeliverWebhook.body);
      return about(request, reply.code(202), async (tx, named) => {
        if (!(await getWebhook(tx, named.tenantId, named.webhookId))) return undefined;
        if (since !== undefined) return { queued: await redeliverMissed(tx, { ...named, since: new Date(since) }) };
        if (await redeliver(tx, { ...named, eventId: eventId ?? '' })) return { queued: 1 };
        throw new ProblemError('delivery_not_found');
      });
    },
  };
}

async function create(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { auth, database, clock, hint } = context;
  const principal = await auth.principal(request, ROUTES.createWebhook.scope);
  const tenant = await tenantOf(context, principal);
  if (!allows(tenant.plan, 'webhooks')) throw new ProblemError('feature_not_in_plan', { detail: 'webhooks' });
  const wanted = await readJson(request, ROUTES.createWebhook.body);
  const made = await database
    .asTenant(principal.tenantId, (tx) =>
      createWebhook(tx, clock, principal, { ...wanted, eventTypes: wanted.eventTypes }),
    )
    .catch((error: unknown) => {
      if (!(error instanceof TooManyWebhooksError)) throw error;
      throw new ProblemError('limit_reached', { bound: { name: 'webhooksMax', limit: WEBHOOKS_MAX } });
    });
  hint('events');
  return reply
    .code(201)
    .header('cache-control', 'no-store')
    .send({ ...toResource(made.webhook), secret: made.secret });
}

function toResource(webhook: Webhook): Resource {
  const { webhookId: id, eventTypes, disabledCause, failingSince, createdAt, ...rest } = webhook;
  return {
    id,
    ...rest,
    ...(eventTypes && { eventTypes: [...eventTypes] }),
    ...(disabledCause !== undefined && { disabledCause }),
    ...(failingSince && { failingSince: failingSince.toISOString() }),
    createdAt: createdAt.toISOString(),
  };
}

function toDelivery({ nextAt, attemptedAt, createdAt, ...rest }: Delivery): WebhookDelivery {
  return {
    ...rest,
    nextAt: nextAt?.toISOString(),
    attemptedAt: attemptedAt?.toISOString(),
    createdAt: createdAt.toISOString(),
  };
}
