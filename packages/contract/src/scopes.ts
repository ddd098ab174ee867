/** What a key may do. */
export const SCOPES = {
  'images:read': 'See images and their renditions.',
  'images:write': 'Send and delete images.',
  admin: 'Operate the installation; stands above tenants.',
} as const;

export type Scope = keyof typeof SCOPES;
