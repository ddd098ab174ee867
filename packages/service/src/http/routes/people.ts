import { type Invitation, type PeoplePage, type Person, ROLE_SCOPES, ROUTES } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import {
  changeRole,
  getMember,
  invite,
  listMembers,
  type Member,
  PeopleRefusedError,
  removeMember,
} from '../../people/index.ts';
import type { Principal } from '../../tenants/index.ts';
import { baseUrl, type HttpContext } from '../context.ts';
import type { Handler } from '../handler.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';
import { refuseMoreThanOwn } from './keys.ts';

type PeopleRouteId = 'listPeople' | 'invitePerson' | 'changePerson' | 'removePerson';

/** `/v1/people`. */
export function peopleHandlers(context: HttpContext): Record<PeopleRouteId, Handler> {
  const { auth, database, clock } = context;
  return {
    listPeople: async (request, reply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listPeople.scope);
      const { limit, after } = ROUTES.listPeople.query.parse(request.query);
      if (after !== undefined && !isMemberId(after)) {
        throw new ProblemError('request_invalid', { detail: 'after: is no cursor of this list.' });
      }
      // One more than asked for tells whether there is a next page.
      const page = { after, limit: limit + 1 };
      const found = await database.asTenant(tenantId, (tx) => listMembers(tx, tenantId, page));
      const people = found.slice(0, limit);
      const told: PeoplePage = {
        people: people.map(toResource),
        ...(found.length > limit && { next: people.at(-1)?.id }),
      };
      return reply.header('cache-control', 'no-store').send(told);
    },
    invitePerson: async (request, reply) => {
      const principal = await auth.principal(request, ROUTES.invitePerson.scope);
      const { email, role } = await readJson(request, ROUTES.invitePerson.body);
      refuseMoreThanOwn(principal, ROLE_SCOPES[role]);
      const { tenantId, actor } = principal;
      const invited = await database
        .asTenant(tenantId, (tx) => invite(tx, clock, { tenantId, actor, email, role }))
        .catch(refuse);
      context.hint('events');
      // Behind the #: no server on the way sees the token, and none writes it into its log.
      const told: Invitation = {
        ...toResource(invited.member),
        link: `${baseUrl(context, request)}/#invitation=${invited.token}`,
      };
      return reply.code(201).header('cache-control', 'no-store').send(told);
    },
    changePerson: async (request, reply) => {
      const principal = await auth.principal(request, ROUTES.changePerson.scope);
      const { role } = await readJson(request, ROUTES.changePerson.body);
      const { tenantId, actor } = principal;
      const personId = memberIdOf(request);
      refuseMoreThanOwn(principal, ROLE_SCOPES[role]);
      const person = await database
        .asTenant(tenantId, async (tx) => {
          await refuseOver(principal, await getMember(tx, tenantId, personId));
          return isId('person', personId) ? changeRole(tx, clock, { tenantId, actor, personId, role }) : undefined;
        })
        .catch(refuse);
      if (!person) throw new ProblemError('person_not_found');
      context.people.forget(personId);
      context.hint('events');
      return reply.header('cache-control', 'no-store').send(toResource(person));
    },
    removePerson: async (request, reply) => {
      const principal = await auth.principal(request, ROUTES.removePerson.scope);
      const { tenantId, actor } = principal;
      const id = memberIdOf(request);
      const isRemoved = await database
        .asTenant(tenantId, async (tx) => {
          await refuseOver(principal, await getMember(tx, tenantId, id));
          return removeMember(tx, clock, { tenantId, actor, id });
        })
        .catch(refuse);
      if (!isRemoved) throw new ProblemError('person_not_found');
      context.people.forget(id);
      context.hint('events');
      return reply.header('cache-control', 'no-store').send({ id });
    },
  };
}

/** Nobody touches whoever may do more. */
async function refuseOver(principal: Principal, member: Member | undefined): Promise<void> {
  if (member) refuseMoreThanOwn(principal, ROLE_SCOPES[member.role]);
}

function isMemberId(id: string): boolean {
  return isId('person', id) || isId('invitation', id);
}

function memberIdOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  if (!isMemberId(id)) throw new ProblemError('person_not_found');
  return id;
}

function refuse(error: unknown): never {
  if (!(error instanceof PeopleRefusedError)) throw error;
  if (error.reason === 'last_owner') throw new ProblemError('last_owner');
  if (error.reason === 'member_already')
    throw new ProblemError('request_invalid', { detail: `email: ${error.message}.` });
  throw new ProblemError('limit_reached', { bound: { name: 'peopleMax', limit: error.limit } });
}

function toResource(member: Member): Person {
  const { id, email, role, state, since, expiresAt, lastSeenAt } = member;
  return {
    id,
    email,
    role,
    state,
    since: since.toISOString(),
    expiresAt: expiresAt?.toISOString(),
    lastSeenAt: lastSeenAt?.toISOString(),
  };
}
