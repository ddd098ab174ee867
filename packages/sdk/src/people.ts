import type { Invitation, PeoplePage, Person, PersonRole } from '@safelight/contract';
import { type CallOptions, json } from './images.ts';
import type { Transport } from './transport.ts';

/** The tenant's people; for keys and people with the scope `people:manage`. */
export interface People {
  /** Those who are invited, then those who have come. `next` of a page is `after` of the one behind it. */
  list(
    options?: CallOptions & { readonly limit?: number | undefined; readonly after?: string | undefined },
  ): Promise<PeoplePage>;
  /** Hand the `link` of the answer over: it is shown this once, and good for a fortnight. */
  invite(person: { readonly email: string; readonly role: PersonRole }, options?: CallOptions): Promise<Invitation>;
  changeRole(id: string, role: PersonRole, options?: CallOptions): Promise<Person>;
  /** Takes a person out of the tenant, or an invitation back. */
  remove(id: string, options?: CallOptions): Promise<void>;
}

const PATH = '/v1/people';

export function createPeople(transport: Transport): People {
  const pathOf = (id: string) => `${PATH}/${encodeURIComponent(id)}`;
  return {
    list: ({ signal, ...query } = {}) => json<PeoplePage>(transport, { method: 'GET', path: PATH, query, signal }),
    // A second sending makes a new link in place of the first: what is answered last is what counts.
    invite: (person, call) => json<Invitation>(transport, { method: 'POST', path: PATH, body: person, ...call }),
    changeRole: (id, role, call) =>
      json<Person>(transport, { method: 'PATCH', path: pathOf(id), body: { role }, ...call }),
    remove: async (id, call) => {
      await json(transport, { method: 'DELETE', path: pathOf(id), ...call });
    },
  };
}
