import type { Session } from '@safelight/contract';
import type { ReactNode } from 'react';
import { Lamp } from './lamp.tsx';
import { Sections } from './sections.tsx';

interface HeaderProps {
  readonly session: Session | undefined;
  /** Who is logged in, and where they may go. */
  readonly account?: ReactNode;
}

export function Header({ session, account }: HeaderProps) {
  return (
    <>
      <header className="header">
        <a className="brand" href="/" aria-label="Safelight, start">
          <Lamp />
          <span>Safelight</span>
        </a>
        <nav className="header-facts" aria-label="About this installation">
          {session && (
            <span className="header-tenant" title={`Version ${session.version}`}>
              tenant <b>{session.tenant}</b>
            </span>
          )}
          {account}
          <a className="quiet-link" href="#/fleet">
            Fleet
          </a>
          <a className="quiet-link" href="/docs">
            API reference
          </a>
        </nav>
      </header>
      {session && <Sections session={session} />}
    </>
  );
}
