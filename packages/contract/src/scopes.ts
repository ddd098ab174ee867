/** What a key may do. */
export const SCOPES = {
  'images:read': 'See images and their renditions.',
  'images:write': 'Send and delete images.',
  'deliver:sign': 'Sign URLs of deliveries, and hand out what opens private ones.',
  'keys:manage': 'See, make, rotate and revoke keys; none that may do more than who makes it.',
  'people:manage': 'See, invite and remove people, and change their roles; none that may do more than who asks.',
  'settings:manage': 'Change how the tenant is treated: settings, presets, domains.',
  'webhooks:manage': 'See and change webhooks, and send their messages again.',
  'usage:read': 'See what is used and what it costs.',
  'budget:manage': 'Set the ceiling of what may be spent.',
  'audit:read': 'See the log of events.',
  admin: 'Operate the installation; stands above tenants.',
} as const;

export type Scope = keyof typeof SCOPES;

/** Everything that may be done within one tenant. */
export const TENANT_SCOPES: readonly Scope[] = (Object.keys(SCOPES) as Scope[]).filter((scope) => scope !== 'admin');

/** What people may do, by their role in a tenant. */
export const ROLE_SCOPES = {
  owner: TENANT_SCOPES,
  editor: ['images:read', 'images:write', 'deliver:sign', 'usage:read'],
  viewer: ['images:read', 'usage:read'],
  billing: ['usage:read', 'budget:manage'],
} as const satisfies Record<string, readonly Scope[]>;

export type PersonRole = keyof typeof ROLE_SCOPES;
export const PERSON_ROLES = Object.keys(ROLE_SCOPES) as [PersonRole, ...PersonRole[]];
