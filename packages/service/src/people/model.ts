import type { PersonRole } from '@safelight/contract';

/** A person of a tenant, or somebody who is invited to become one. */
export interface Member {
  /** Of the person, or of the invitation. */
  readonly id: string;
  readonly email: string;
  readonly role: PersonRole;
  readonly state: 'invited' | 'member';
  readonly since: Date;
  /** Of an invitation. */
  readonly expiresAt: Date | undefined;
  /** To the minute. */
  readonly lastSeenAt: Date | undefined;
}

/** Whom the cookie of a session speaks for. */
export interface PersonSession {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly personId: string;
  readonly email: string;
  readonly role: PersonRole;
  readonly expiresAt: Date;
}

/** A session that was just opened; `token` is what the cookie carries, and is known to nobody else. */
export interface OpenedSession {
  readonly token: string;
  readonly tenantId: string;
  readonly personId: string;
}

/** Why somebody is not let in. `locked`: for so many seconds, whatever is tried. */
export type Refusal =
  | { readonly refused: 'wrong' | 'unknown_invitation' | 'not_invited' | 'unverified' }
  | { readonly refused: 'locked'; readonly seconds: number };

/** One form of each address: upper and lower case are one person. */
export function normalEmail(email: string): string {
  return email.trim().normalize('NFC').toLowerCase();
}
