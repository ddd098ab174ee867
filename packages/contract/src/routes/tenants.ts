import { z } from 'zod';
import {
  planDocumentSchema,
  planSchema,
  SHORT_NAME,
  TENANT_STATUSES,
  type TenantStatus,
  tenantSettingsPatchSchema,
  tenantSettingsSchema,
} from '../plans.ts';
import { BODY_ERRORS, KEY_ERRORS } from './key-errors.ts';
import { route } from './route.ts';

const PAGE_TENANTS_MAX = 500;
const DISPLAY_NAME_CHARACTERS_MAX = 200;

const shortName = z.string().regex(SHORT_NAME, 'has 1 to 63 lower-case letters, digits and dashes');
const displayName = z
  .string()
  .trim()
  .min(1)
  .max(DISPLAY_NAME_CHARACTERS_MAX)
  .regex(/^\P{Cc}+$/u, 'has no control characters')
  .describe('What people call it.');
export const unsignedUrlsSchema = z
  .enum(['presets', 'open'])
  .describe('What its URLs may ask for without a signature.');
export const iiifSchema = z.enum(['off', 'tiles', 'open']).describe('What it serves through the IIIF Image API.');
/** How a tenant is treated, as far as a change names it. */
export const settingsChangeShape = {
  settings: tenantSettingsPatchSchema.optional(),
  unsignedUrls: unsignedUrlsSchema.optional(),
  iiif: iiifSchema.optional(),
};
const status = z.enum(Object.keys(TENANT_STATUSES) as [TenantStatus, ...TenantStatus[]]);

const tenantSchema = z
  .object({
    id: z.string(),
    name: z.string().describe('The short name, as it stands in URLs; it never changes.'),
    displayName: z.string().optional(),
    status,
    statusAt: z.iso.datetime().describe('Since when.'),
    delivers: z.boolean().describe('Whether what exists is delivered.'),
    plan: z.string(),
    weight: z.number().describe('Of the plan: share of the workers when several tenants wait.'),
    unsignedUrls: unsignedUrlsSchema,
    iiif: iiifSchema,
    keepsLocation: z.boolean(),
    settings: tenantSettingsSchema,
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Tenant' });

const newTenantSchema = tenantSchema
  .extend({ key: z.string().describe('Its first key, to read and write images; shown this once.') })
  .meta({ id: 'NewTenant' });

const tenantPageSchema = z
  .object({ tenants: z.array(tenantSchema), next: z.string().optional().describe('Cursor of the next page.') })
  .meta({ id: 'TenantPage' });

const planListSchema = z
  .object({
    plans: z.array(z.object({ ...planSchema.shape, tenants: z.int().describe('How many have it.') })),
  })
  .meta({ id: 'PlanList' });

const params = z.object({ tenant: z.string().max(64).describe('Its id or short name.') });
const ERRORS = [...KEY_ERRORS, 'request_invalid', 'database_unavailable'] as const;

export const createTenant = route({
  id: 'createTenant',
  method: 'POST',
  path: '/v1/admin/tenants',
  summary: 'Make a tenant, with its first key.',
  scope: 'admin',
  body: z.strictObject({
    name: shortName.describe('As it will stand in URLs for ever.'),
    displayName: displayName.optional(),
    plan: shortName.optional().describe('`unlimited` if absent.'),
    ...settingsChangeShape,
  }),
  responses: { 201: newTenantSchema },
  errors: [...ERRORS, ...BODY_ERRORS, 'plan_unknown', 'tenant_refused'],
  event: 'tenant.created',
});

export const listTenants = route({
  id: 'listTenants',
  method: 'GET',
  path: '/v1/admin/tenants',
  summary: 'The tenants, in the order in which they were made; those that were deleted too.',
  scope: 'admin',
  query: z.object({
    limit: z.coerce.number().int().min(1).max(PAGE_TENANTS_MAX).default(50),
    after: z.string().max(64).optional().describe('The cursor `next` of the page before.'),
    status: status.optional(),
  }),
  responses: { 200: tenantPageSchema },
  errors: ERRORS,
});

export const getTenant = route({
  id: 'getTenant',
  method: 'GET',
  path: '/v1/admin/tenants/{tenant}',
  summary: 'A tenant: its plan, status and settings.',
  scope: 'admin',
  params,
  responses: { 200: tenantSchema },
  errors: [...ERRORS, 'tenant_not_found'],
});

export const changeTenant = route({
  id: 'changeTenant',
  method: 'PATCH',
  path: '/v1/admin/tenants/{tenant}',
  summary: 'Change what is named; nodes follow at once, and within five seconds at the latest.',
  scope: 'admin',
  params,
  body: z.strictObject({
    displayName: displayName.nullable().optional().describe('null: none.'),
    plan: shortName.optional(),
    ...settingsChangeShape,
  }),
  responses: { 200: tenantSchema },
  errors: [...ERRORS, ...BODY_ERRORS, 'plan_unknown', 'tenant_not_found', 'tenant_refused'],
  event: 'tenant.changed',
});

export const suspendTenant = route({
  id: 'suspendTenant',
  method: 'POST',
  path: '/v1/admin/tenants/{tenant}/suspend',
  summary:
    'Refuse a tenant’s writes and new renditions, and hold its jobs; it reads its data, and what exists is delivered.',
  scope: 'admin',
  params,
  query: z.object({
    deliveries: z.enum(['true', 'false']).default('true').describe('`false`: nothing is delivered either.'),
  }),
  responses: { 200: tenantSchema },
  errors: [...ERRORS, 'tenant_not_found', 'tenant_refused'],
  event: 'tenant.suspended',
});

export const resumeTenant = route({
  id: 'resumeTenant',
  method: 'POST',
  path: '/v1/admin/tenants/{tenant}/resume',
  summary: 'End a suspension: the jobs that were held run.',
  scope: 'admin',
  params,
  responses: { 200: tenantSchema },
  errors: [...ERRORS, 'tenant_not_found', 'tenant_refused'],
  event: 'tenant.resumed',
});

export const deleteTenant = route({
  id: 'deleteTenant',
  method: 'DELETE',
  path: '/v1/admin/tenants/{tenant}',
  summary: 'End a tenant at once; its data are removed after, until its status is `deleted`. Its name stays taken.',
  scope: 'admin',
  params,
  responses: { 202: tenantSchema },
  errors: [...ERRORS, 'tenant_not_found', 'tenant_refused'],
  event: 'tenant.deleting',
});

export const listPlans = route({
  id: 'listPlans',
  method: 'GET',
  path: '/v1/admin/plans',
  summary: 'What tenants may use and what they pay, by the name of the plan.',
  scope: 'admin',
  responses: { 200: planListSchema },
  errors: [...KEY_ERRORS, 'database_unavailable'],
});

export const putPlan = route({
  id: 'putPlan',
  method: 'PUT',
  path: '/v1/admin/plans/{plan}',
  summary: 'Make a plan, or change it for all its tenants; what it said before stays known, for what was used then.',
  scope: 'admin',
  params: z.object({ plan: shortName }),
  body: planDocumentSchema,
  responses: { 200: planSchema },
  errors: [...ERRORS, ...BODY_ERRORS, 'tenant_refused'],
  event: 'tenant.changed',
});

export type TenantResource = z.infer<typeof tenantSchema>;
export type NewTenant = z.infer<typeof newTenantSchema>;
export type TenantPage = z.infer<typeof tenantPageSchema>;
export type PlanList = z.infer<typeof planListSchema>;
export type TenantWish = z.input<typeof createTenant.body>;
export type TenantChange = z.input<typeof changeTenant.body>;
