import {
  canonicalTransformation,
  IIIF_CONTEXT,
  type IiifImage,
  type IiifSource,
  iiifInfo,
  isIiifTile,
  parseIiif,
} from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isId } from '../../core/ids.ts';
import { ObjectMissingError } from '../../ports/object-store.ts';
import type { Tenant } from '../../tenants/index.ts';
import { type Access, accessLeftMs, NO_ACCESS, opens } from '../access.ts';
import { admitDelivery } from '../admit-delivery.ts';
import { cacheControl } from '../cache-control.ts';
import { baseUrl, type HttpContext } from '../context.ts';
import { addVary, allowOrigin } from '../cors.ts';
import { sendObject } from '../deliver.ts';
import { findRendition } from '../find-rendition.ts';
import { problemOfMissing } from '../missing.ts';
import { ProblemError } from '../problem.ts';
import { seenBy } from '../seen-deliveries.ts';
import { iiifAccess } from '../signed.ts';
import { refuseDelivery, refuseFeature, refuseTransformation } from '../standing.ts';

interface ImageParams {
  readonly image: string;
}

interface PathParams extends ImageParams {
  readonly region: string;
  readonly size: string;
  readonly rotation: string;
  readonly file: string;
}

interface Served {
  readonly tenant: Tenant;
  readonly tenantId: string;
  readonly imageId: string;
  readonly source: IiifSource;
  readonly access: Exclude<Tenant['iiif'], 'off'>;
  readonly isPrivate: boolean;
  /** What the request lets its sender see. */
  readonly opened: Access;
}

/** Large enough that a screen takes few, small enough that one is made within a moment. */
const TILE_SIDE = 512;
const LEVELS = { tiles: 'level0', open: 'level2' } as const;

/** `/iiif/3/{image}/…`: the IIIF Image API 3.0, for the tenants that serve it. */
export function iiifHandlers(context: HttpContext) {
  const handle =
    (answer: (request: FastifyRequest, reply: FastifyReply, served: Served) => Promise<FastifyReply> | FastifyReply) =>
    async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header('access-control-allow-origin', '*');
      // Until it is known whose the image is.
      const served = await findServed(context, request, (request.params as ImageParams).image);
      try {
        reply.removeHeader('access-control-allow-origin');
        allowOrigin(request, reply, served.tenant);
        return await answer(request, reply, served);
      } catch (error) {
        throw error instanceof ObjectMissingError ? await problemOfMissing(context, served) : error;
      }
    };
  return {
    iiifBase: handle((request, reply, served) =>
      reply.header('cache-control', cachingOf(served)).redirect(`${idOf(context, request, served)}/info.json`, 303),
    ),
    iiifInfo: handle((request, reply, served) => sendInfo(context, request, reply, served)),
    iiifImage: handle((request, reply, served) => sendImage(context, request, reply, served)),
  };
}

/** @throws ProblemError in the same words for an image that does not exist and for one that is not served this way. */
async function findServed(context: HttpContext, request: FastifyRequest, imageId: string): Promise<Served> {
  if (!isId('image', imageId)) throw new ProblemError('image_not_found');
  const facts = await context.iiifImages.find(imageId);
  const tenant = facts && (await context.auth.tenant(facts.tenantId));
  if (!facts || !tenant || tenant.iiif === 'off') throw new ProblemError('image_not_found');
  const { tenantId, source, isPrivate } = facts;
  const opened = isPrivate ? iiifAccess(context.clock, tenant, request) : NO_ACCESS;
  if (isPrivate && !opens(opened, imageId)) {
    // As long as the same answer takes for one that never was.
    await context.iiifImages.look(imageId);
    throw new ProblemError('image_not_found');
  }
  refuseDelivery(tenant);
  refuseFeature(tenant, 'iiif');
  await admitDelivery(context, request, tenant);
  if (!source) throw new ProblemError('image_gone');
  return { tenant, tenantId, imageId, source, access: tenant.iiif, isPrivate, opened };
}

function sendInfo(context: HttpContext, request: FastifyRequest, reply: FastifyReply, served: Served): FastifyReply {
  const { source, access } = served;
  const { width, height } = source;
  const id = idOf(context, request, served);
  const wantsLinkedData = /\bapplication\/ld\+json\b/i.test(request.headers.accept ?? '');
  addVary(reply, ['accept']);
  return reply
    .headers({
      'cache-control': cachingOf(served),
      link: profileLink(access),
      'access-control-expose-headers': 'link, x-request-id',
      'content-type': wantsLinkedData ? `application/ld+json;profile="${IIIF_CONTEXT}"` : 'application/json',
    })
    .send(Buffer.from(JSON.stringify(iiifInfo({ id, width, height, access, tileSide: TILE_SIDE }))));
}

async function sendImage(
  context: HttpContext,
  request: FastifyRequest,
  reply: FastifyReply,
  served: Served,
): Promise<FastifyReply> {
  const { tenantId, imageId, access, opened } = served;
  const image = readPath(request.params as PathParams, served);
  refuseTransformation(served.tenant, image.transformation);
  const transformation = canonicalTransformation(image.transformation);
  const found = await findRendition(seenBy(context, opened), reply, { tenantId, imageId, transformation });
  const canonical = `${idOf(context, request, served)}/${image.canonical}`;
  reply.header('link', `<${canonical}>;rel="canonical", ${profileLink(access)}`);
  return sendObject(context, request, reply, found, { scope: 'public', isVersioned: false, access: opened });
}

/** @throws ProblemError that names the first parameter which is wrong, or says that the tenant serves listed ones alone. */
function readPath({ region, size, rotation, file }: PathParams, { source, access }: Served): IiifImage {
  const parsed = parseIiif([region, size, rotation, file], source);
  if (!parsed.ok) {
    const { parameter, allowed } = parsed.problem;
    throw new ProblemError('request_invalid', {
      detail: `${parameter}: takes ${allowed}.`,
      parameters: [parsed.problem],
    });
  }
  if (access === 'tiles' && !isIiifTile(parsed.image, source, TILE_SIDE)) throw new ProblemError('iiif_not_listed');
  return parsed.image;
}

/** As of every URL that names no version. */
function cachingOf({ isPrivate, opened }: Served): string {
  return cacheControl({ scope: isPrivate ? 'private' : 'public', isVersioned: false, leftMs: accessLeftMs(opened) });
}

function profileLink(access: Served['access']): string {
  return `<http://iiif.io/api/image/3/${LEVELS[access]}.json>;rel="profile"`;
}

/** The image's base URI. */
function idOf(context: HttpContext, request: FastifyRequest, { imageId }: Served): string {
  return `${baseUrl(context, request)}/iiif/3/${imageId}`;
}
