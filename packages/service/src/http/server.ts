import { ROUTES, type RouteContract, type RouteId } from '@safelight/contract';
import Fastify, { type FastifyInstance, type preHandlerAsyncHookHandler } from 'fastify';
import { onBehalfOf } from '../core/caller.ts';
import { answerProblem, answerUnreadable } from './answer-problem.ts';
import { Auth } from './auth.ts';
import { registerBilling } from './billing.ts';
import { registerConsole } from './console.ts';
import type { HttpDeps } from './deps.ts';
import { registerDocs } from './docs.ts';
import { Domains, routeDomains } from './domains.ts';
import { toProblem } from './failures.ts';
import type { Handler } from './handler.ts';
import { allowedMethods } from './methods.ts';
import { PersonSessions } from './person-sessions.ts';
import { Positions } from './positions.ts';
import { answerPreflight } from './preflight.ts';
import { ProblemError } from './problem.ts';
import { TenantRates } from './rates.ts';
import { createRequestIds } from './request-ids.ts';
import { createHandlers } from './routes/index.ts';
import { LoopbackSession } from './session.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The operation's id in the contract. */
    readonly id?: string;
  }
}

/** All that there is at hosts of tenants. */
const READ_METHODS = ['GET', 'HEAD'];
const HEADERS_MS_MAX = 10_000;
/**
 * Longer than the usual load balancer keeps an idle connection (nginx and AWS ALB 60 s): who closes first must be the
 * balancer, or it sends a request into a connection that is just being closed, and answers 502. Behind one that keeps
 * them longer (Google's 600 s, Azure's 240 s), lower the balancer's own time, or have it retry.
 */
const KEEP_ALIVE_MS = 65_000;
const PARAMETER_LENGTH_MAX = 200;
/** How often Node looks for headers that are overdue; its own 30 s would make of 10 s up to 40. */
const HEADERS_CHECK_MS = 2_000;
/** Below the usual limit of 16,384 open files and more, so that objects can be opened while all are taken. */
const CONNECTIONS_MAX = 10_000;

/** Builds the front end; it does not listen yet. */
export async function createServer(deps: HttpDeps): Promise<FastifyInstance> {
  const nextId = createRequestIds(deps.clock);
  const app = Fastify({
    genReqId: nextId,
    requestIdHeader: false,
    trustProxy: deps.trustedProxies ?? false,
    // Uploads have a guard of their own over idleness and pace; a limit on the whole request would cut long ones.
    requestTimeout: 0,
    http: { connectionsCheckingInterval: HEADERS_CHECK_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX, ignoreTrailingSlash: false },
    return503OnClosing: false,
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => answerUnreadable(error, socket, nextId()),
    // A path that cannot be read never comes as far as the handlers of errors below.
    frameworkErrors: (error, request, reply) => answerProblem(request, reply, toProblem(error)),
  });
  app.server.headersTimeout = HEADERS_MS_MAX;
  app.server.maxConnections = CONNECTIONS_MAX;
  const session = new LoopbackSession({ tenant: deps.publicTenant, publicUrl: deps.publicUrl, clock: deps.clock });
  const people = new PersonSessions(deps);
  const rates = new TenantRates(deps);
  const auth = new Auth(deps, session, people, rates);
  const domains = new Domains(deps);
  takeBodiesAsStreams(app);
  observe(app, deps);
  domains.register(app);
  registerBilling(app, deps.counts);
  rates.register(app);
  const positions = new Positions(deps);
  positions.register(app);
  answerFailures(app, deps, auth);
  await registerDocs(app, deps);
  const handlers = createHandlers({ ...deps, rates, auth, session, people, domains, positions });
  for (const id of Object.keys(ROUTES) as RouteId[]) addRoute(app, ROUTES[id], handlers[id]);
  routeDomains(app, handlers);
  await registerConsole(app, deps);
  return app;
}

/** No parser reads a body: uploads flow, and a route that takes JSON reads it itself, once it knows who sends it. */
function takeBodiesAsStreams(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
}

function addRoute(app: FastifyInstance, contract: RouteContract, handler: Handler): void {
  app.route({
    method: contract.method === 'GET' ? ['GET', 'HEAD'] : contract.method,
    url: contract.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    preHandler: validate(contract),
    config: { id: contract.id },
    // Deliveries and reads change nothing that the log would tell of.
    handler: contract.event ? (request, reply) => onBehalfOf(request.ip, () => handler(request, reply)) : handler,
  });
}

/** Holds parameters against the contract's schemas and puts the parsed values in their place. */
function validate(contract: RouteContract): preHandlerAsyncHookHandler {
  return async (request) => {
    for (const part of ['params', 'query', 'headers'] as const) {
      const schema = contract[part];
      if (!schema) continue;
      const parsed = schema.safeParse(request[part]);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const name = issue?.path.join('.') ?? part;
        throw new ProblemError('request_invalid', { detail: `${name}: ${issue?.message ?? 'does not fit'}.` });
      }
      if (part !== 'headers') request[part] = parsed.data;
    }
  };
}

function observe(app: FastifyInstance, { metrics, log, draining }: HttpDeps): void {
  // With `done` instead of promises: each of those put three turns of the queue into every request.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    // A body that nobody reads: it would come for as long as the connection stays.
    // Nor does a client stay on a node that is about to end.
    if (!request.raw.complete || draining.aborted) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.config.id ?? 'other';
    metrics.requestSeconds.observe({ route, status: reply.statusCode }, reply.elapsedTime / 1000);
    log.debug(
      {
        requestId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
    done();
  });
}

function answerFailures(app: FastifyInstance, { log, limits }: HttpDeps, auth: Auth): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error);
    if (problem.code === 'internal') log.error({ err: error, requestId: request.id }, 'a request failed');
    return answerProblem(request, reply, problem);
  });
  app.setNotFoundHandler(async (request, reply) => {
    const allow = request.hostTenant === null ? allowedMethods(request.url) : READ_METHODS;
    const preflight = await answerPreflight(request, reply, { allow, auth, uploadBytesMax: limits.uploadBytesMax });
    if (preflight) return preflight;
    if (allow.length > 0) return answerProblem(request, reply, new ProblemError('method_not_allowed', { allow }));
    return answerProblem(request, reply, new ProblemError('route_not_found'));
  });
}
