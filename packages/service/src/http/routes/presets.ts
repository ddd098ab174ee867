import { type Preset as Resource, ROUTES } from '@safelight/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  getPreset,
  listPresets,
  type Preset,
  type PresetAct,
  putPreset,
  removePreset,
  TooManyPresetsError,
} from '../../presets/index.ts';
import type { Tenant } from '../../tenants/index.ts';
import { type HttpContext, tenantOf } from '../context.ts';
import { forget } from '../forget.ts';
import { readJson } from '../json-body.ts';
import { ProblemError } from '../problem.ts';
import { readRequested } from '../requested.ts';
import { refuseTransformation } from '../standing.ts';

/** `/v1/presets`. */
export function presetHandlers(context: HttpContext) {
  const { auth, database, clock } = context;
  return {
    listPresets: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.listPresets.scope);
      const presets = await listPresets(database, tenantId);
      return unstored(reply).send({ presets: presets.map(toResource) });
    },
    getPreset: async (request: FastifyRequest, reply: FastifyReply) => {
      const { tenantId } = await auth.principal(request, ROUTES.getPreset.scope);
      return answer(context, reply, { tenantId, ...namedIn(request) });
    },
    putPreset: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.putPreset.scope);
      const { transformation, onUpload } = await readJson(request, ROUTES.putPreset.body);
      const wish = { transformation: read(await tenantOf(context, principal), transformation), onUpload };
      const act: PresetAct = { ...principal, ...namedIn(request) };
      await database
        .asTenant(act.tenantId, (tx) => putPreset(tx, clock, act, wish))
        .catch((error: unknown) => {
          throw error instanceof TooManyPresetsError
            ? new ProblemError('limit_reached', { bound: error.bound })
            : error;
        });
      told(context, act);
      return answer(context, reply, act);
    },
    removePreset: async (request: FastifyRequest, reply: FastifyReply) => {
      const principal = await auth.principal(request, ROUTES.removePreset.scope);
      const act: PresetAct = { ...principal, ...namedIn(request) };
      const isRemoved = await database.asTenant(act.tenantId, (tx) => removePreset(tx, clock, act));
      if (!isRemoved) {
        throw new ProblemError('preset_not_found', { detail: `The tenant has no preset ${act.name} of its own.` });
      }
      told(context, act);
      return unstored(reply).send({ name: act.name });
    },
  };
}

function namedIn(request: FastifyRequest): { readonly name: string } {
  const { name } = request.params as { name: string };
  // PostgreSQL cannot be asked for NUL.
  if (name.includes('\0')) throw new ProblemError('preset_not_found');
  return { name };
}

/** The canonical text of a transformation that this tenant may ask for. @throws ProblemError */
function read(tenant: Tenant, transformation: string | Readonly<Record<string, string | number | boolean>>): string {
  const query =
    typeof transformation === 'string'
      ? transformation
      : new URLSearchParams(Object.entries(transformation).map(([name, value]) => [name, String(value)])).toString();
  const requested = readRequested(query, tenant);
  const [wish] = Object.keys(requested.delivery);
  if (wish !== undefined) {
    throw new ProblemError('request_invalid', {
      detail: `${wish}: is for a single URL, not for a preset.`,
      parameters: [{ parameter: wish, allowed: 'in a URL, not in a preset' }],
    });
  }
  refuseTransformation(tenant, requested.asked);
  return requested.transformation;
}

/** This node knows at once, the others at the commit. */
function told(context: HttpContext, { tenantId }: PresetAct): void {
  forget(context, { tenantId, imageId: undefined });
  context.hint('events');
}

async function answer(
  { database }: HttpContext,
  reply: FastifyReply,
  { tenantId, name }: Pick<PresetAct, 'tenantId' | 'name'>,
): Promise<FastifyReply> {
  const preset = await getPreset(database, tenantId, name);
  if (!preset) throw new ProblemError('preset_not_found');
  return unstored(reply).send(toResource(preset));
}

function toResource({ changedAt, ...preset }: Preset): Resource {
  return { ...preset, ...(changedAt && { changedAt: changedAt.toISOString() }) };
}

function unstored(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store');
}
