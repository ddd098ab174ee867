import type { FastifyReply, FastifyRequest } from 'fastify';

/** What a route does; the contract has validated the request by then. */
export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> | unknown;
