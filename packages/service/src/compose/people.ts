import type { PersonRole, Scope } from '@safelight/contract';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import type { HttpDeps } from '../http/index.ts';
import { invite, listMembers, type Member, Passwords, removeMember, resetPassword } from '../people/index.ts';
import { type ApiKey, createKey, listKeys, newKeySecret, revokeKey, rotateKey } from '../tenants/index.ts';
import { withDatabase, withTenant } from './tools.ts';

/** The command line acts in the operator's name. */
const OPERATOR = 'operator';
const PAGE = 200;

/** The provider that people may log in by, as the settings name it. */
export function oidcOf(config: Config): HttpDeps['oidc'] {
  const { SAFELIGHT_OIDC_ISSUER: issuer, SAFELIGHT_OIDC_CLIENT_ID: clientId } = config;
  if (issuer === undefined || clientId === undefined) return undefined;
  return { issuer, clientId, clientSecret: config.SAFELIGHT_OIDC_CLIENT_SECRET };
}

export interface MadeKey {
  readonly id: string;
  readonly secret: string;
}

/** Makes a key of a tenant. @throws KeyRefusedError */
export function createTenantKey(
  config: Config,
  tenantSlug: string,
  wish: {
    readonly name: string;
    readonly scopes: readonly Scope[];
    readonly expiresInSeconds: number | undefined;
  },
): Promise<MadeKey> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    const secret = newKeySecret(systemClock);
    return { id: await createKey(tx, systemClock, { tenantId, secret, ...wish }), secret };
  });
}

/** All keys of a tenant, the newest first. */
export function listTenantKeys(config: Config, tenantSlug: string): Promise<ApiKey[]> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    const keys: ApiKey[] = [];
    for (;;) {
      const page = await listKeys(tx, tenantId, { after: keys.at(-1)?.keyId, limit: PAGE });
      keys.push(...page);
      if (page.length < PAGE) return keys;
    }
  });
}

/** @returns undefined when the tenant has no such key that is live. */
export function rotateTenantKey(
  config: Config,
  tenantSlug: string,
  keyId: string,
  overlapSeconds: number,
): Promise<MadeKey | undefined> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    const secret = newKeySecret(systemClock);
    const key = await rotateKey(tx, systemClock, { tenantId, keyId, secret, overlapSeconds, actor: OPERATOR });
    return key && { id: key.keyId, secret };
  });
}

/** @returns whether the tenant had such a key that was not revoked. */
export function revokeTenantKey(config: Config, tenantSlug: string, keyId: string): Promise<boolean> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    return (await revokeKey(tx, systemClock, { tenantId, keyId, actor: OPERATOR })) !== undefined;
  });
}

/** @returns the token of a link that makes whoever follows it a member. @throws PeopleRefusedError */
export function inviteToTenant(
  config: Config,
  tenantSlug: string,
  person: { readonly email: string; readonly role: PersonRole },
): Promise<string> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    return (await invite(tx, systemClock, { tenantId, actor: OPERATOR, ...person })).token;
  });
}

/** The people of a tenant, and who is invited. */
export function listTenantPeople(config: Config, tenantSlug: string): Promise<Member[]> {
  return withTenant(config, tenantSlug, async (tx, tenantId) => {
    const members: Member[] = [];
    for (;;) {
      const page = await listMembers(tx, tenantId, { after: members.at(-1)?.id, limit: PAGE });
      members.push(...page);
      if (page.length < PAGE) return members;
    }
  });
}

/** @returns whether there was such a person or invitation. @throws PeopleRefusedError */
export function removeFromTenant(config: Config, tenantSlug: string, id: string): Promise<boolean> {
  return withTenant(config, tenantSlug, (tx, tenantId) =>
    removeMember(tx, systemClock, { tenantId, actor: OPERATOR, id }),
  );
}

/** @returns a new password of the person, or undefined when nobody has that e-mail. */
export function resetPersonPassword(config: Config, email: string): Promise<string | undefined> {
  const passwords = new Passwords(systemClock, () => undefined);
  return withDatabase(config, (database) => resetPassword({ database, clock: systemClock, passwords }, email));
}
