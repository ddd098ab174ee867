import { type Key, type KeyPage, type NewKey, ROUTES, type Scope } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import {
  type ApiKey,
  createKey,
  getKey,
  KeyRefusedError,
  listKeys,
  newKeySecret,
  type Principal,
  revokeKey,
  rotateKey,
} from '../../tenants/index.ts';
import type { HttpContext } from '../context.ts';
import type { Handler } from '../handler.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';

type KeyRouteId = 'createKey' | 'listKeys' | 'rotateKey' | 'revokeKey';

/** `/v1/keys`. */
export function keyHandlers(context: HttpContext): Record<KeyRouteId, Handler> {
  const { auth, database } = context;
  return {
    createKey: async (request, reply) => answer(reply, 201, await create(context, request)),
    listKeys: async (request, reply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listKeys.scope);
      const { limit, after } = ROUTES.listKeys.query.parse(request.query);
      if (after !== undefined && !isId('key', after)) {
        throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
      }
      // One more than asked for tells whether there is a next page.
      const page = { after, limit: limit + 1 };
      const found = await database.asTenant(tenantId, (tx) => listKeys(tx, tenantId, page));
      const keys = found.slice(0, limit);
      const told: KeyPage = {
        keys: keys.map(toResource),
        ...(found.length > limit && { next: keys.at(-1)?.keyId }),
      };
      return answer(reply, 200, told);
    },
    rotateKey: async (request, reply) => answer(reply, 200, await rotate(context, request)),
    revokeKey: async (request, reply) => {
      const { tenantId, actor } = await auth.principal(request, ROUTES.revokeKey.scope);
      const keyId = keyIdOf(request);
      const key = await database.asTenant(tenantId, (tx) => revokeKey(tx, context.clock, { tenantId, keyId, actor }));
      if (!key) throw new ProblemError('key_not_found');
      auth.forgetKey(keyId);
      context.hint('events');
      return answer(reply, 200, toResource(key));
    },
  };
}

async function create(context: HttpContext, request: FastifyRequest): Promise<NewKey> {
  const { auth, database, clock } = context;
  const principal = await auth.principal(request, ROUTES.createKey.scope);
  const wish = await readJson(request, ROUTES.createKey.body);
  const { name, scopes, expiresInSeconds, expiresAt } = wish;
  if (expiresInSeconds !== undefined && expiresAt !== undefined) {
    throw new ProblemError('request_invalid', { detail: 'expiresAt: stands in place of expiresInSeconds.' });
  }
  refuseMoreThanOwn(principal, scopes);
  const { tenantId, actor } = principal;
  const secret = newKeySecret(clock);
  const key = await database
    .asTenant(tenantId, async (tx) => {
      const expiry = { expiresInSeconds, ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt) }) };
      const keyId = await createKey(tx, clock, { tenantId, secret, scopes, name, actor, ...expiry });
      return getKey(tx, tenantId, keyId);
    })
    .catch(refuse);
  if (!key) throw new ProblemError('key_not_found');
  context.hint('events');
  return { ...toResource(key), secret };
}

async function rotate(context: HttpContext, request: FastifyRequest): Promise<NewKey> {
  const { auth, database, clock } = context;
  const principal = await auth.principal(request, ROUTES.rotateKey.scope);
  const { overlapSeconds } = await readJson(request, ROUTES.rotateKey.body);
  const { tenantId, actor } = principal;
  const keyId = keyIdOf(request);
  const secret = newKeySecret(clock);
  const key = await database.asTenant(tenantId, async (tx) => {
    const now = await getKey(tx, tenantId, keyId);
    // Whoever gets the secret of a key gets what it may do.
    if (now) refuseMoreThanOwn(principal, now.scopes);
    return rotateKey(tx, clock, { tenantId, keyId, secret, overlapSeconds, actor });
  });
  if (!key) throw new ProblemError('key_not_found', { detail: 'There is no such key that is live.' });
  auth.forgetKey(keyId);
  context.hint('events');
  return { ...toResource(key), secret };
}

function keyIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isId('key', id)) throw new ProblemError('key_not_found');
  return id;
}

/** Nobody gives what he has not. @throws ProblemError */
export function refuseMoreThanOwn(principal: Principal, scopes: readonly Scope[]): void {
  const more = scopes.filter((scope) => !principal.scopes.includes(scope));
  if (more.length > 0) {
    throw new ProblemError('scope_missing', { detail: `Nobody gives what he may not do himself: ${more.join(', ')}.` });
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof KeyRefusedError)) throw error;
  if (error.reason === 'expired') {
    throw new ProblemError('request_invalid', { detail: 'expiresAt: lies in the past.' });
  }
  throw new ProblemError('limit_reached', { bound: { name: 'liveKeysMax', limit: error.limit } });
}

function toResource(key: ApiKey): Key {
  const { keyId: id, name, scopes, state, createdBy } = key;
  const at = (time: Date | undefined) => time?.toISOString();
  return {
    id,
    name,
    scopes: [...scopes],
    state,
    createdAt: key.createdAt.toISOString(),
    createdBy,
    expiresAt: at(key.expiresAt),
    revokedAt: at(key.revokedAt),
    lastUsedAt: at(key.lastUsedAt),
    previousUntil: at(key.previousUntil),
  };
}

function answer(reply: FastifyReply, status: number, body: Key | NewKey | KeyPage): FastifyReply {
  return reply.code(status).header('cache-control', 'no-store').send(body);
}
