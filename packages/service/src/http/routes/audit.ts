import { Readable } from 'node:stream';
import { type AuditedEvent, type AuditPage, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type EventSearch, type FoundEvent, searchEvents } from '../../events/index.ts';
import type { HttpContext } from '../context.ts';

/** Of an export: each is one short statement, so that a slow reader holds no connection. */
const EXPORT_PAGE_EVENTS = 500;

/** `/v1/audit`. */
export function auditHandlers({ auth, database }: HttpContext) {
  const search = (wanted: EventSearch) => database.asTenant(wanted.tenantId, (tx) => searchEvents(tx, wanted));
  return {
    listAudit: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listAudit.scope);
      const { image, since, until, ...query } = ROUTES.listAudit.query.parse(request.query);
      const found = await search({ tenantId, imageId: image, ...timesOf({ since, until }), ...query });
      const page: AuditPage = {
        events: found.events.map(toResource),
        ...(found.next !== undefined && { next: found.next }),
      };
      return reply.header('cache-control', 'no-store').send(page);
    },
    exportAudit: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.exportAudit.scope);
      const { image, since, until, ...query } = ROUTES.exportAudit.query.parse(request.query);
      const wanted = { tenantId, imageId: image, ...timesOf({ since, until }), ...query };
      reply.headers({ 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
      return reply.send(
        Readable.from(
          lines((after) => search({ ...wanted, order: 'asc', limit: EXPORT_PAGE_EVENTS, after }), query.after),
        ),
      );
    },
  };
}

async function* lines(
  search: (after: number) => ReturnType<typeof searchEvents>,
  start: number,
): AsyncGenerator<string, void, void> {
  for (let after: number | undefined = start; after !== undefined; ) {
    const found: Awaited<ReturnType<typeof searchEvents>> = await search(after);
    if (found.events.length > 0) yield found.events.map((event) => `${JSON.stringify(toResource(event))}\n`).join('');
    after = found.next;
  }
}

function timesOf({ since, until }: { since: string | undefined; until: string | undefined }) {
  return {
    since: since === undefined ? undefined : new Date(since),
    until: until === undefined ? undefined : new Date(until),
  };
}

function toResource(event: FoundEvent): AuditedEvent {
  const { position, eventId: id, type, at, actor, subject, imageId, data, personal, hash } = event;
  return {
    position,
    id,
    type,
    at: at.toISOString(),
    actor,
    subject,
    ...(imageId !== null && { imageId }),
    data,
    ...(personal && { personal }),
    hash: Buffer.from(hash).toString('hex'),
  };
}
