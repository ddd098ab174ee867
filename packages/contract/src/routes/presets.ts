import { z } from 'zod';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

/** `original` is no preset: the bytes as they were uploaded go by it. */
const PRESET_NAME = /^(?!original$)[a-z0-9][a-z0-9_-]{0,31}$/;
const TRANSFORMATION_CHARACTERS_MAX = 2_000;
const PARAMETERS_MAX = 64;

const progressSchema = z.object({
  version: z.int(),
  total: z.int().describe('Pictures that were there when it changed; images of the same bytes count as one.'),
  done: z.int(),
  failed: z.int().describe('These keep what was there before.'),
  pending: z.int(),
});

const presetSchema = z
  .object({
    name: z.string(),
    version: z.int().describe('Grows with each transformation that the name is given.'),
    transformation: z.string().describe('In canonical form.'),
    onUpload: z.boolean().describe('Made of each upload; else when somebody asks for it.'),
    changedAt: z.iso.datetime().optional().describe('Absent: as it is built in.'),
    progress: progressSchema.describe('Of making anew what was there; all 0 where nothing had to be.'),
  })
  .meta({ id: 'Preset' });

const textSchema = z.string().max(TRANSFORMATION_CHARACTERS_MAX);

const wishSchema = z.strictObject({
  transformation: z
    .union([
      textSchema,
      z
        .record(z.string().max(64), z.union([textSchema, z.number(), z.boolean()]))
        .refine((object) => Object.keys(object).length <= PARAMETERS_MAX, `has at most ${PARAMETERS_MAX} parameters`),
    ])
    .describe('As in a URL: `w=800&fm=webp`, or `{"w": 800, "fm": "webp"}`.'),
  onUpload: z.boolean().default(true),
});

const params = z.object({ name: z.string().max(64) });
const scope = 'settings:manage';
const ERRORS = [...KEY_ERRORS, 'request_invalid', 'database_unavailable'] as const;

export const listPresets = route({
  id: 'listPresets',
  method: 'GET',
  path: '/v1/presets',
  summary: 'What names in URLs stand for: the built-in presets and the tenant’s own.',
  scope,
  responses: { 200: z.object({ presets: z.array(presetSchema) }).meta({ id: 'PresetList' }) },
  errors: ERRORS,
});

export const getPreset = route({
  id: 'getPreset',
  method: 'GET',
  path: '/v1/presets/{name}',
  summary: 'One preset, and how far pictures are made anew since it changed.',
  scope,
  params,
  responses: { 200: presetSchema },
  errors: [...ERRORS, 'preset_not_found'],
});

export const putPreset = route({
  id: 'putPreset',
  method: 'PUT',
  path: '/v1/presets/{name}',
  summary:
    'Make a preset or change it. Pictures that are there are made anew in the background; until one is, its URL answers with what the name stood for before.',
  scope,
  params: z.object({
    name: z.string().regex(PRESET_NAME, 'has 1 to 32 lower-case letters, digits, _ and -, and is not original'),
  }),
  body: wishSchema,
  responses: { 200: presetSchema },
  errors: [...ERRORS, ...BODY_ERRORS, 'feature_not_in_plan', 'format_not_allowed', 'limit_reached'],
  event: 'preset.changed',
});

export const removePreset = route({
  id: 'removePreset',
  method: 'DELETE',
  path: '/v1/presets/{name}',
  summary: 'Remove a preset; a built-in one becomes again what it is built in as.',
  scope,
  params,
  responses: { 200: z.object({ name: z.string() }).meta({ id: 'RemovedPreset' }) },
  errors: [...ERRORS, 'preset_not_found'],
  event: 'preset.removed',
});

export type Preset = z.infer<typeof presetSchema>;
export type PresetWish = z.input<typeof wishSchema>;
