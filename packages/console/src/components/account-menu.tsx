import type { Session } from '@safelight/contract';
import type { Darkroom } from '../darkroom.ts';
import { startAnew } from '../start-anew.ts';

/** Who is logged in, and where else that person belongs. */
export function AccountMenu({ darkroom, session }: { darkroom: Darkroom; session: Session }) {
  const { person, tenants = [] } = session;
  const leave = async () => {
    await darkroom.client.session.logOut().catch(() => undefined);
    startAnew();
  };
  const move = async (tenant: string) => {
    await darkroom.client.session.switchTo(tenant).catch(() => undefined);
    startAnew();
  };
  if (!person) {
    return (
      <a className="quiet-link" href="#/log-in">
        Log in
      </a>
    );
  }
  return (
    <>
      {tenants.length > 1 && (
        <select
          className="field-small"
          aria-label="Tenant"
          value={session.tenant}
          onChange={(event) => void move(event.target.value)}
        >
          {tenants.map((tenant) => (
            <option key={tenant}>{tenant}</option>
          ))}
        </select>
      )}
      <span className="header-person" title={`${person.email}, ${person.role}`}>
        {person.email}
      </span>
      <button type="button" className="text-button" onClick={() => void leave()}>
        Log out
      </button>
    </>
  );
}
