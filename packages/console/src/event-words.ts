import type { AuditedEvent, EventType } from '@safelight/contract';

/** What happened, in words; its name in the log stands beside it. Written here, since the catalogue brings its schemas along. */
const EVENT_WORDS = {
  'image.accepted': 'Image accepted',
  'image.changed': 'Image changed',
  'image.trashed': 'Image put into the trash',
  'image.restored': 'Image brought back',
  'image.deleted': 'Image deleted',
  'token.created': 'Upload token made',
  'delivery.purged': 'Caches purged',
  'domain.changed': 'Domain changed',
  'domain.removed': 'Domain removed',
  'original.repaired': 'Original repaired',
  'rendition.lost': 'Rendition lost',
  'rendition.ready': 'Rendition made',
  'storage.dropped': 'Storage freed',
  'rendition.failed': 'Rendition failed',
  'pyramid.ready': 'Pyramid made',
  'job.dead': 'Job given up',
  'job.retried': 'Job tried again',
  'tenant.created': 'Tenant made',
  'tenant.changed': 'Tenant changed',
  'tenant.suspended': 'Tenant suspended',
  'tenant.resumed': 'Tenant resumed',
  'tenant.deleting': 'Tenant’s deletion begun',
  'tenant.deleted': 'Tenant deleted',
  'preset.changed': 'Preset changed',
  'preset.removed': 'Preset removed',
  'budget.changed': 'Budget changed',
  'budget.soft_reached': 'Budget’s alert reached',
  'budget.hard_reached': 'Budget’s stop reached',
  'tenant.url_key_created': 'Key for URLs made',
  'tenant.url_key_retired': 'Key for URLs retired',
  'key.created': 'Key made',
  'key.rotated': 'Key given a new secret',
  'key.revoked': 'Key revoked',
  'person.invited': 'Person invited',
  'person.joined': 'Person joined',
  'person.changed': 'Role changed',
  'person.removed': 'Person removed',
  'person.logged_in': 'Person logged in',
  'person.password_changed': 'Password changed',
  'webhook.created': 'Webhook made',
  'webhook.changed': 'Webhook changed',
  'webhook.secret_rotated': 'Webhook given a new secret',
  'webhook.removed': 'Webhook removed',
  'webhook.tested': 'Webhook tested',
  'webhook.disabled': 'Webhook disabled',
} as const satisfies Record<EventType, string>;

export const EVENT_TYPES = (Object.keys(EVENT_WORDS) as EventType[]).sort();

/** `Image deleted`; a newer service may tell of what this page has no words for. */
export function eventText(type: string): string {
  return Object.hasOwn(EVENT_WORDS, type) ? EVENT_WORDS[type as EventType] : type;
}

const ACTORS: Readonly<Record<string, string>> = {
  operator: 'the operator',
  system: 'Safelight itself',
  session: 'the page, without a log-in',
};

/** Who did it, where that is no key and no person. */
export function actorText(actor: string): string | undefined {
  return Object.hasOwn(ACTORS, actor) ? ACTORS[actor] : undefined;
}

/** Where the request came from, as far as that is known and not erased. */
export function originText({ personal }: Pick<AuditedEvent, 'personal'>): string | undefined {
  const address = personal?.address;
  return typeof address === 'string' ? address : undefined;
}

export interface LogFilter {
  readonly type?: EventType | undefined;
  readonly actor?: string | undefined;
  readonly image?: string | undefined;
}

/** What a filter's form says; an empty field asks for nothing. */
export function filterOf(fields: FormData): LogFilter {
  const text = (name: string) => String(fields.get(name) ?? '').trim() || undefined;
  return { type: text('type') as EventType | undefined, actor: text('actor'), image: text('image') };
}

/** Where all that fits a filter is downloaded. */
export function exportAddress(filter: LogFilter): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value);
  const text = query.toString();
  return `/v1/audit/export${text === '' ? '' : `?${text}`}`;
}
