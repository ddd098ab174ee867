import type { Session } from '@safelight/contract';
import { sectionOf, sectionsOf } from '../sections.ts';
import { useHash } from '../use-hash.ts';

/** The ways to the pages of the tenant that this session opens. */
export function Sections({ session }: { session: Session }) {
  const hash = useHash();
  const offered = sectionsOf(session);
  if (offered.length < 2) return null;
  const current = sectionOf(session, hash);
  return (
    <nav className="sections" aria-label="Pages of the tenant">
      {offered.map((section) => (
        <a
          key={section.hash}
          // An empty fragment would leave a `#` in the address.
          href={section.hash === '' ? '#/' : section.hash}
          aria-current={section === current && hash !== '#/log-in' ? 'page' : undefined}
        >
          {section.name}
        </a>
      ))}
    </nav>
  );
}
