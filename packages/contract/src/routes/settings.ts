import { z } from 'zod';
import { tenantSettingsSchema } from '../plans.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';
import { iiifSchema, settingsChangeShape, unsignedUrlsSchema } from './tenants.ts';

const settingsSchema = z
  .object({ settings: tenantSettingsSchema, unsignedUrls: unsignedUrlsSchema, iiif: iiifSchema })
  .meta({ id: 'Settings' });

const scope = 'settings:manage';
const ERRORS = [...KEY_ERRORS, 'database_unavailable'] as const;

export const getSettings = route({
  id: 'getSettings',
  method: 'GET',
  path: '/v1/settings',
  summary: 'How the tenant is treated, as far as it says so itself; its plan and status are the operator’s.',
  scope,
  responses: { 200: settingsSchema },
  errors: ERRORS,
});

export const changeSettings = route({
  id: 'changeSettings',
  method: 'PATCH',
  path: '/v1/settings',
  summary:
    'Change what is named, and answer the whole; nodes follow at once, and within five seconds at the latest. What the plan lacks is refused, unless it stands so already.',
  scope,
  body: z.strictObject(settingsChangeShape),
  responses: { 200: settingsSchema },
  errors: [...ERRORS, ...BODY_ERRORS, 'feature_not_in_plan'],
  event: 'tenant.changed',
});

export type Settings = z.infer<typeof settingsSchema>;
export type SettingsChange = z.input<typeof changeSettings.body>;
