import { z } from 'zod';
import { visibilitySchema } from './resources.ts';
import { OUTPUT_FORMATS } from './transformation.ts';

/** What a plan may allow or not: a closed set. */
export const FEATURES = {
  open_urls: 'Any transformation by URL, signed or not; without it presets alone.',
  iiif: 'The IIIF Image API.',
  avif: 'AVIF as an output format.',
  animations: 'Renditions that move.',
  webhooks: 'Webhooks.',
  custom_domains: 'Delivery under domains of the tenant.',
  private_images: 'Images of which every delivery is signed.',
} as const;
export type Feature = keyof typeof FEATURES;
const FEATURE_NAMES = Object.keys(FEATURES) as [Feature, ...Feature[]];

/** Short names of tenants and plans, as they stand in URLs. */
export const SHORT_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const shortName = z.string().regex(SHORT_NAME, 'has 1 to 63 lower-case letters, digits and dashes');

/** The plan of every tenant that was given no other: no limit, no price. Built in, and not to be changed. */
export const UNLIMITED_PLAN = 'unlimited';

/** A billion: what no installation of this kind reaches, and 10^9 of it still a safe integer in micro-units. */
const COUNT_MAX = 1_000_000_000;
const BYTES_MAX = Number.MAX_SAFE_INTEGER;
const count = z.int().min(1).max(COUNT_MAX).nullable().default(null);
const bytes = z.int().min(1).max(BYTES_MAX).nullable().default(null);
const micros = z.int().min(0).max(COUNT_MAX).default(0);

/** What a tenant may use; null is no limit. */
export const planLimitsSchema = z
  .strictObject({
    requestsPerSecond: z.number().min(0.01).max(COUNT_MAX).nullable().default(null),
    requestsBurst: count.describe('Requests at once after a rest; null: ten seconds’ worth.'),
    bytesInPerSecond: bytes.describe('Bandwidth of uploads.'),
    bytesOutPerSecond: bytes.describe('Bandwidth of deliveries.'),
    bytesOutPerMonth: bytes,
    storedBytesMax: bytes.describe('Originals and renditions together.'),
    rendersPerDay: count,
    renderSecondsPerMonth: count.describe('CPU seconds of workers.'),
  })
  .meta({ id: 'PlanLimits' });

/** In millionths of the currency's unit. A GB is 10^9 bytes. */
export const planPricesSchema = z
  .strictObject({
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/, 'is no currency of ISO 4217')
      .default('EUR'),
    thousandRequests: micros,
    gbIn: micros,
    gbOut: micros,
    gbMonthStored: micros,
    renderSecond: micros.describe('Of CPU.'),
    megapixel: micros.describe('Of renditions made.'),
  })
  .meta({ id: 'PlanPrices', description: 'In millionths of the currency’s unit; a GB is 10^9 bytes.' });

/** A plan as an operator writes it; what is left out is unlimited, allowed or free. */
export const planDocumentSchema = z
  .strictObject({
    weight: z
      .number()
      .min(0.001)
      .max(1000)
      .default(1)
      .describe('Share of the workers when several tenants wait: 2 gets twice what 1 gets.'),
    limits: planLimitsSchema.default(() => planLimitsSchema.parse({})),
    features: z.array(z.enum(FEATURE_NAMES)).nullable().default(null).describe('null: every feature.'),
    prices: planPricesSchema.default(() => planPricesSchema.parse({})),
  })
  .meta({ id: 'PlanDocument' });

export const planSchema = z
  .object({
    name: shortName,
    version: z.int().describe('Grows with each change.'),
    changedAt: z.iso.datetime(),
    ...planDocumentSchema.shape,
  })
  .meta({ id: 'Plan' });

/** What of the source's metadata renditions keep where a URL does not say: who made it, and a wide colour space. */
const KEPT_METADATA = ['copyright', 'icc'] as const;

/** So many, and so long, that the event of their change fits into its 8 kB. */
const HOSTS_MAX = 50;
const HOST_CHARACTERS_MAX = 120;
const DAYS_MAX = 36_500;
/** A host by name, or all below one by `*.`. */
const HOST = /^(\*\.)?[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62})){0,20}$/;

/** What stands in `Origin`: scheme, host, and a port that is not the usual one. */
const originSchema = z
  .string()
  .max(HOST_CHARACTERS_MAX)
  .regex(/^https?:\/\/[a-z0-9.-]+(:\d{1,5})?$/, 'is no origin in lower case, such as https://shop.example.com');
const ORIGINS_MAX = 10;

/** How a tenant is treated; a setting that is left out has its default. */
export const tenantSettingsSchema = z
  .strictObject({
    keepMetadata: z
      .array(z.enum(KEPT_METADATA))
      .max(KEPT_METADATA.length)
      .default([])
      .describe('What renditions keep of the source where a URL does not say `meta` or `icc`.'),
    formats: z
      .array(z.enum(OUTPUT_FORMATS))
      .min(1)
      .max(OUTPUT_FORMATS.length)
      .nullable()
      .default(null)
      .describe('Output formats that may be asked for; null: all.'),
    sourceHosts: z
      .array(
        z
          .string()
          .max(HOST_CHARACTERS_MAX)
          .regex(HOST, 'is no host name in lower case, such as example.com or *.example.com'),
      )
      .max(HOSTS_MAX)
      .default([])
      .describe('Hosts from which images may be imported by URL; `*.` before a name: all below it. Empty: none.'),
    retentionDays: z
      .int()
      .min(1)
      .max(DAYS_MAX)
      .nullable()
      .default(null)
      .describe('Images older than this are deleted; null: never.'),
    visibility: visibilitySchema
      .default('public')
      .describe('Who may see an image whose upload does not say: everybody, or who has a signed URL or a token.'),
    cors: z
      .strictObject({
        origins: z.union([z.literal('*'), z.array(originSchema).max(ORIGINS_MAX)]),
        credentials: z
          .boolean()
          .default(false)
          .describe('Whether they may send cookies: only where origins are listed.'),
      })
      .refine(({ origins, credentials }) => !credentials || origins !== '*', 'credentials: take a list of origins')
      .default({ origins: '*', credentials: false })
      .describe('Which pages may read deliveries by script. Showing them as pictures takes no leave.'),
    trashDays: z.int().min(0).max(DAYS_MAX).default(0).describe('How long a deleted image can be brought back.'),
    onBudget: z
      .enum(['serve_existing', 'cheaper', 'refuse'])
      .default('serve_existing')
      .describe(
        'What a budget does to new renditions. `serve_existing`: at the stop a preset that exists is served in their place; ' +
          '`cheaper`: from the alert on no smaller forms are made later; at the stop, and with `refuse`, 402.',
      ),
  })
  .meta({ id: 'TenantSettings' });

/** The settings that change; the others stay. Written apart, for a default would change what is not named. */
export const tenantSettingsPatchSchema = z
  .strictObject(
    Object.fromEntries(
      Object.entries(tenantSettingsSchema.shape).map(([name, schema]) => [name, schema.unwrap().optional()]),
    ) as { [Name in keyof typeof tenantSettingsSchema.shape]: z.ZodOptional<SettingOf<Name>> },
  )
  .meta({ id: 'TenantSettingsPatch' });
type SettingOf<Name extends keyof typeof tenantSettingsSchema.shape> = ReturnType<
  (typeof tenantSettingsSchema.shape)[Name]['unwrap']
>;

export const TENANT_STATUSES = {
  active: 'As usual.',
  suspended: 'Reads of its own data alone; its jobs wait; what exists is delivered unless that was stopped too.',
  deleting: 'Nothing is answered any more; its data are being removed.',
  deleted: 'All its data are gone; the name stays taken.',
} as const;
export type TenantStatus = keyof typeof TENANT_STATUSES;

export type PlanLimits = z.infer<typeof planLimitsSchema>;
export type PlanPrices = z.infer<typeof planPricesSchema>;
export type PlanDocument = z.infer<typeof planDocumentSchema>;
export type Plan = z.infer<typeof planSchema>;
export type TenantSettings = z.infer<typeof tenantSettingsSchema>;
export type TenantSettingsPatch = z.infer<typeof tenantSettingsPatchSchema>;

/** Whether a plan allows a feature. */
export function allows(plan: Pick<PlanDocument, 'features'>, feature: Feature): boolean {
  return plan.features === null || plan.features.includes(feature);
}
