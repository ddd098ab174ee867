import { ROUTES, type Session, type WaysIn } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { TooManyWaitersError } from '../../core/byte-semaphore.ts';
import {
  acceptInvitation,
  changePassword,
  endSession,
  findSession,
  hasPassword,
  logIn,
  logInByOidc,
  type OpenedSession,
  Passwords,
  type PersonSession,
  type Refusal,
  switchTenant,
  tenantsOf,
} from '../../people/index.ts';
import { LOOPBACK_SCOPES } from '../auth.ts';
import { baseUrl, type HttpContext, tenantOf } from '../context.ts';
import type { Handler } from '../handler.ts';
import { hasBody, readJson } from '../json-body.ts';
import { Oidc } from '../oidc.ts';
import type { LoggedIn } from '../person-sessions.ts';
import { ProblemError } from '../problem.ts';

type SessionRouteId =
  | 'session'
  | 'readSession'
  | 'switchSession'
  | 'endSession'
  | 'waysIn'
  | 'changePassword'
  | 'acceptInvitation'
  | 'startOidc'
  | 'finishOidc';

/** Where the page reads why a log-in by the provider did not work. */
const PAGE_REFUSED = '/?log-in=';

/** `/v1/session`: who is there, and how one gets in and out. */
export function sessionHandlers(context: HttpContext): Record<SessionRouteId, Handler> {
  const { database, clock, session, people, metrics } = context;
  const passwords = new Passwords(clock, () => metrics.passwordHashes.inc());
  const deps = { database, clock, passwords };
  return {
    session: async (request, reply) => {
      if (!hasBody(request)) return goOnOrOpen(context, request, reply);
      people.guardLogIn(request);
      const wish = await readJson(request, ROUTES.session.body);
      return enter(context, request, reply, await unlessCrowded(logIn(deps, { ...wish, address: request.ip })));
    },
    readSession: async (request, reply) => answer(reply, await describe(context, request)),
    switchSession: async (request, reply) => {
      const { session: now, token } = await loggedIn(context, request);
      const { tenant: slug } = await readJson(request, ROUTES.switchSession.body);
      const opened = await switchTenant(database, clock, { session: now, token, slug, address: request.ip });
      if (!opened) throw new ProblemError('person_not_found', { detail: 'This person belongs to no such tenant.' });
      people.forget(now.personId);
      return enter(context, request, reply, opened);
    },
    endSession: async (request, reply) => {
      const token = people.tokenOf(request);
      // One that has ended already has ended.
      const known = await people.of(request).catch((error: unknown) => {
        if (error instanceof ProblemError && error.code === 'session_ended') return undefined;
        throw error;
      });
      if (token !== undefined) await endSession(database, token);
      if (known) people.forget(known.session.personId);
      people.close(request, reply);
      return reply.header('cache-control', 'no-store').send({ ended: known !== undefined });
    },
    waysIn: (_request, reply) => {
      const ways: WaysIn = {
        password: true,
        oidc: context.oidc !== undefined,
        loopback: session.tenant !== undefined,
      };
      return reply.header('cache-control', 'no-store').send(ways);
    },
    changePassword: async (request, reply) => {
      const { session: now } = await loggedIn(context, request);
      const wish = await readJson(request, ROUTES.changePassword.body);
      const opened = await unlessCrowded(changePassword(deps, now, { ...wish, address: request.ip }));
      people.forget(now.personId);
      return enter(context, request, reply, opened);
    },
    acceptInvitation: async (request, reply) => {
      people.guardLogIn(request);
      const wish = await readJson(request, ROUTES.acceptInvitation.body);
      return enter(
        context,
        request,
        reply,
        await unlessCrowded(acceptInvitation(deps, { ...wish, address: request.ip })),
      );
    },
    ...oidcHandlers(context),
  };
}

function oidcHandlers(context: HttpContext): Record<'startOidc' | 'finishOidc', Handler> {
  const { oidc: settings, database, clock, people, metrics, log } = context;
  const oidc = settings && new Oidc(settings);
  const refused = (reply: FastifyReply, why: string) => {
    metrics.logIns.inc({ result: 'refused' });
    return goOn(reply, `${PAGE_REFUSED}${why}`);
  };
  const known = (): Oidc => {
    if (oidc) return oidc;
    throw new ProblemError('route_not_found', { detail: 'No provider of OpenID Connect is set here.' });
  };
  return {
    startOidc: async (request, reply) => {
      try {
        return goOn(reply, (await known().start(reply, baseUrl(context, request))).href);
      } catch (error) {
        if (error instanceof ProblemError) throw error;
        log.warn({ err: error }, 'the provider of OpenID Connect does not answer');
        return refused(reply, 'provider');
      }
    },
    finishOidc: async (request, reply) => {
      const identity = await known()
        .finish(request, reply, baseUrl(context, request))
        .catch((error: unknown) => {
          log.info({ err: error }, 'a log-in by OpenID Connect was refused');
          return undefined;
        });
      if (!identity) return refused(reply, 'provider');
      const opened = await logInByOidc(database, clock, identity, request.ip);
      if ('refused' in opened) return refused(reply, opened.refused);
      people.forget(opened.personId);
      people.open(request, reply, opened);
      metrics.logIns.inc({ result: 'opened' });
      context.hint('events');
      return goOn(reply, '/');
    },
  };
}

function goOn(reply: FastifyReply, url: string): FastifyReply {
  return reply.code(303).headers({ location: url, 'cache-control': 'no-store' }).send();
}

/** What a page asks first: whoever has logged in is told so; else the session of the loopback page is opened. */
async function goOnOrOpen(context: HttpContext, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const known = await context.people.known(request);
  if (known) return answer(reply, await describePerson(context, known));
  if (context.people.tokenOf(request) !== undefined) context.people.close(request, reply);
  return openLoopback(context, request, reply);
}

function openLoopback(context: HttpContext, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { session, version, limits } = context;
  if (session.tenant === undefined) {
    throw new ProblemError('route_not_found', { detail: 'No tenant is public here.' });
  }
  session.guard(request);
  session.open(reply);
  const { uploadBytesMax, pixelsMax } = limits;
  const scopes = [...LOOPBACK_SCOPES];
  return answer(reply, { kind: 'loopback', tenant: session.tenant, scopes, version, uploadBytesMax, pixelsMax });
}

async function loggedIn({ auth }: HttpContext, request: FastifyRequest): Promise<LoggedIn> {
  const caller = await auth.caller(request);
  if (caller.kind === 'person') return caller.loggedIn;
  throw new ProblemError('key_missing', { detail: 'This is for people who have logged in.' });
}

/** Answers whoever has just logged in, or why not. */
async function enter(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  opened: OpenedSession | Refusal,
): Promise<FastifyReply> {
  const { people, metrics } = context;
  metrics.logIns.inc({ result: 'refused' in opened ? 'refused' : 'opened' });
  if ('refused' in opened) throw toProblem(opened);
  people.open(request, reply, opened);
  context.hint('events');
  const session = await findSession(context.database, opened.token);
  if (!session) throw new ProblemError('session_ended');
  return answer(reply, await describePerson(context, { session, token: opened.token }));
}

function toProblem(refusal: Refusal): ProblemError {
  if (refusal.refused === 'locked') return new ProblemError('log_in_locked', { retryAfterSeconds: refusal.seconds });
  if (refusal.refused === 'unknown_invitation') return new ProblemError('invitation_not_found');
  return new ProblemError('log_in_failed');
}

/** @throws ProblemError when more log in at once than a node hashes passwords for. */
async function unlessCrowded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TooManyWaitersError)
      throw new ProblemError('overloaded', { detail: 'Too many log in at once.' });
    throw error;
  }
}

async function describe(context: HttpContext, request: FastifyRequest): Promise<Session> {
  const caller = await context.auth.caller(request);
  if (caller.kind === 'person') return describePerson(context, caller.loggedIn);
  const { slug: tenant } = await tenantOf(context, caller.principal);
  return { kind: caller.kind, tenant, scopes: [...caller.principal.scopes], ...ofNode(context) };
}

async function describePerson(
  context: HttpContext,
  { session, token }: { readonly session: PersonSession; readonly token: string },
): Promise<Session> {
  const { tenantId, personId, email, role } = session;
  const tenants = await tenantsOf(context.database, personId);
  const { scopes } = context.auth.principalOf(session);
  return {
    kind: 'person',
    tenant: tenants.find((tenant) => tenant.tenantId === tenantId)?.slug ?? '',
    scopes: [...scopes],
    person: { id: personId, email, role, hasPassword: await hasPassword(context.database, personId) },
    tenants: tenants.map(({ slug }) => slug),
    csrf: context.people.csrfOf(token),
    expiresAt: session.expiresAt.toISOString(),
    ...ofNode(context),
  };
}

function ofNode({ version, limits }: HttpContext): Pick<Session, 'version' | 'uploadBytesMax' | 'pixelsMax'> {
  const { uploadBytesMax, pixelsMax } = limits;
  return { version, uploadBytesMax, pixelsMax };
}

function answer(reply: FastifyReply, session: Session): FastifyReply {
  return reply.header('cache-control', 'no-store').send(session);
}
