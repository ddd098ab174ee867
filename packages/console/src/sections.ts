import type { Scope, Session } from '@safelight/contract';

/** The pages of a tenant, each for those who may do what it is for. */
const SECTIONS = [
  { hash: '', name: 'Pictures', scope: 'images:read' },
  { hash: '#/usage', name: 'Usage', scope: 'usage:read' },
  { hash: '#/presets', name: 'Presets', scope: 'settings:manage' },
  { hash: '#/log', name: 'Log', scope: 'audit:read' },
  { hash: '#/webhooks', name: 'Webhooks', scope: 'webhooks:manage' },
  { hash: '#/keys', name: 'Keys', scope: 'keys:manage' },
  { hash: '#/people', name: 'People', scope: 'people:manage' },
] as const satisfies readonly { readonly hash: string; readonly name: string; readonly scope: Scope }[];

export type Section = (typeof SECTIONS)[number];

/** The pages that a session opens, in the order in which they are offered. */
export function sectionsOf({ scopes }: Pick<Session, 'scopes'>): readonly Section[] {
  return SECTIONS.filter(({ scope }) => scopes.includes(scope));
}

/** The page of an address; where that is none, or the session does not open it, the first that it does. */
export function sectionOf(session: Pick<Session, 'scopes'>, hash: string): Section {
  const allowed = sectionsOf(session);
  return allowed.find((section) => section.hash === hash) ?? allowed[0] ?? SECTIONS[0];
}
