import { ORIGINAL_PRESET, PRESETS } from '@safelight/contract';
import type { FastifyRequest } from 'fastify';
import { baseUrl, type HttpContext } from '../context.ts';
import { ProblemError } from '../problem.ts';
import { imageUrls, linksOf } from '../urls.ts';

/** `POST /`: the exercise's own contract, for the public tenant, without a key. */
export function exerciseHandlers(context: HttpContext) {
  return {
    uploadExercise: async (request: FastifyRequest, reply: import('fastify').FastifyReply) => {
      const { session, auth, uploads } = context;
      if (session.tenant === undefined)
        throw new ProblemError('key_missing', { detail: 'No tenant is public here: use POST /v1/images.' });
      session.guard(request);
      if (!acceptsJson(request.headers.accept)) throw new ProblemError('not_acceptable');
      const tenant = await auth.tenant(session.tenant);
      if (!tenant) throw new ProblemError('key_missing', { detail: `There is no tenant ${session.tenant}.` });
      if (!/^multipart\/form-data\b/i.test(request.headers['content-type'] ?? '')) {
        throw new ProblemError('image_missing', {
          detail: 'Send multipart/form-data with a file in the field `image`.',
        });
      }
      await context.rates.admit(request, tenant);
      const principal = { tenantId: tenant.tenantId, actor: 'public', scopes: ['images:write' as const] };
      const image = await uploads.accept(request, { tenant, principal });
      const urls = imageUrls(linksOf(baseUrl(context, request), tenant, image, context.clock.now()));
      // As many as the exercise names, whatever presets the tenant has besides.
      const named = [ORIGINAL_PRESET, ...Object.keys(PRESETS)].map((name) => [name, urls[name]]);
      return reply.code(202).header('cache-control', 'no-store').send(Object.fromEntries(named));
    },
  };
}

/** Whether Accept, absent or not, leaves room for JSON (RFC 9110, 12.5.1). */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  const qualities = new Map<string, number>();
  for (const part of accept.split(',')) {
    const [range = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    qualities.set(range, quality === undefined ? 1 : Number(quality.slice(2)));
  }
  // The most specific range that fits decides.
  const quality = qualities.get('application/json') ?? qualities.get('application/*') ?? qualities.get('*/*') ?? 0;
  return quality > 0;
}
