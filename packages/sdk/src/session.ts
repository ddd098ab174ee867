import type { Session, WaysIn } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** Who is there, for a page that Safelight itself serves: the browser's cookie speaks for a person. */
export interface Sessions {
  /** How people may log in here. */
  ways(options?: CallOptions): Promise<WaysIn>;
  /** Who has logged in in this browser; else opens the session of a page that Safelight serves on this machine. */
  open(options?: CallOptions): Promise<Session>;
  /** Who the key or the cookie speaks for; 401 when it is nobody. */
  read(options?: CallOptions): Promise<Session>;
  logIn(
    who: { readonly email: string; readonly password: string; readonly tenant?: string | undefined },
    options?: CallOptions,
  ): Promise<Session>;
  /** Takes an invitation by the token of its link. Who is new sets a password by it, who is known gives the own one. */
  acceptInvitation(
    invitation: { readonly token: string; readonly password: string },
    options?: CallOptions,
  ): Promise<Session>;
  /** Goes on in another tenant of the person. */
  switchTo(tenant: string, options?: CallOptions): Promise<Session>;
  /** All other sessions of the person end. */
  changePassword(
    passwords: { readonly current: string; readonly next: string },
    options?: CallOptions,
  ): Promise<Session>;
  logOut(options?: CallOptions): Promise<void>;
}

const PATH = '/v1/session';

export function createSessions(transport: Transport): Sessions {
  const opened = async (answer: Promise<Session>): Promise<Session> => {
    const session = await answer;
    // Everything that changes something carries it from now on.
    transport.csrf(session.csrf);
    return session;
  };
  const post = (rest: string, body: unknown, call?: CallOptions) =>
    opened(json<Session>(transport, { method: 'POST', path: `${PATH}${rest}`, body, ...call }));
  return {
    ways: (call) => json<WaysIn>(transport, { method: 'GET', path: `${PATH}/ways`, ...call }),
    open: (call) => opened(json<Session>(transport, { method: 'POST', path: PATH, ...call })),
    read: (call) => opened(json<Session>(transport, { method: 'GET', path: PATH, ...call })),
    logIn: (who, call) => post('', who, call),
    acceptInvitation: (invitation, call) => post('/invitation', invitation, call),
    switchTo: (tenant, call) =>
      opened(json<Session>(transport, { method: 'PATCH', path: PATH, body: { tenant }, repeatable: false, ...call })),
    changePassword: (passwords, call) => post('/password', passwords, call),
    logOut: async (call) => {
      await json(transport, { method: 'DELETE', path: PATH, ...call });
      transport.csrf(undefined);
    },
  };
}
