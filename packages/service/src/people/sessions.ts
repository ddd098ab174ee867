import { createHash } from 'node:crypto';
import type { PersonRole } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Queryable, Transaction } from '../db/database.ts';
import { recordEvent } from '../events/index.ts';
import type { OpenedSession, PersonSession } from './model.ts';
import {
  DROP_OLD_SESSIONS,
  END_SESSION,
  END_SESSIONS_OF,
  INSERT_SESSION,
  SELECT_SESSION,
  SWEEP_SESSIONS,
  TOUCH_SESSIONS,
} from './sessions.sql.ts';

const TOKEN_BYTES = 32;
const FORM = /^[A-Za-z0-9_-]{43}$/;
/** A working day with its breaks; whoever comes back the next morning logs in. */
const IDLE_SECONDS_MAX = 12 * 60 * 60;
const SECONDS_MAX = 7 * 24 * 60 * 60;
/** More browsers than anybody sits before; the oldest end. */
const OF_MEMBER_MAX = 20;

/** Somebody who has shown who it is, at the moment of a log-in. */
export interface Entrant {
  readonly tenantId: string;
  readonly personId: string;
  readonly by: 'password' | 'invitation' | 'oidc';
  readonly address: string;
}

/** 256 random bits as text, and what is stored of them. */
export function newToken(clock: Clock): { readonly token: string; readonly sha256: Uint8Array } {
  const token = Buffer.from(clock.bytes(TOKEN_BYTES)).toString('base64url');
  return { token, sha256: digestOf(token) };
}

/** The digest of a token, or undefined when it has not the form of one. */
export function digestOfToken(token: string): Uint8Array | undefined {
  return FORM.test(token) ? digestOf(token) : undefined;
}

/** Opens a session with a token that nobody had before: whatever cookie the browser brought along opens nothing. */
export async function openSession(tx: Transaction, clock: Clock, entrant: Entrant): Promise<OpenedSession> {
  const { tenantId, personId, by, address } = entrant;
  const { token, sha256 } = newToken(clock);
  await tx.query(INSERT_SESSION, [tenantId, newId('session', clock), personId, sha256, SECONDS_MAX]);
  await tx.query(DROP_OLD_SESSIONS, [tenantId, personId, OF_MEMBER_MAX]);
  await recordEvent(tx, clock, {
    tenantId,
    type: 'person.logged_in',
    subject: personId,
    actor: personId,
    data: { personId, by },
    personal: { address },
  });
  return { token, tenantId, personId };
}

/** Whom a token speaks for, or undefined when it is malformed, unknown, too old, idle for too long or ended. */
export async function findSession(database: Queryable, token: string): Promise<PersonSession | undefined> {
  const sha256 = digestOfToken(token);
  if (!sha256) return undefined;
  const [row] = await database.query<{
    tenant_id: string;
    session_id: string;
    person_id: string;
    expires_at: Date;
    email: string;
    role: PersonRole;
  }>(SELECT_SESSION, [sha256, IDLE_SECONDS_MAX]);
  return (
    row && {
      tenantId: row.tenant_id,
      sessionId: row.session_id,
      personId: row.person_id,
      email: row.email,
      role: row.role,
      expiresAt: row.expires_at,
    }
  );
}

export async function endSession(database: Queryable, token: string): Promise<void> {
  const sha256 = digestOfToken(token);
  if (sha256) await database.query(END_SESSION, [sha256]);
}

/** Ends all sessions of a person, in all tenants. */
export async function endSessionsOf(tx: Transaction, personId: string): Promise<void> {
  await tx.query(END_SESSIONS_OF, [personId]);
}

/** Writes down that sessions were used just now; of all tenants at once, so as the system. */
export async function touchSessions(
  database: Queryable,
  sessions: readonly { readonly tenantId: string; readonly id: string }[],
): Promise<void> {
  await database.query(TOUCH_SESSIONS, [sessions.map(({ tenantId }) => tenantId), sessions.map(({ id }) => id)]);
}

export async function sweepSessions(database: Queryable): Promise<void> {
  await database.query(SWEEP_SESSIONS, [IDLE_SECONDS_MAX]);
}

function digestOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}
