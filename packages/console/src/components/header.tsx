import type { Session } from '@safelight/contract';
import { Lamp } from './lamp.tsx';

export function Header({ session }: { session: Session | undefined }) {
  return (
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
        <a className="quiet-link" href="/docs">
          API reference
        </a>
      </nav>
    </header>
  );
}
