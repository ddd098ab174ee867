import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Scope, TENANT_SCOPES } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { createKey, findKey, newKeySecret, widenKey } from './keys.ts';
import { type IiifAccess, OPERATOR_TENANT } from './model.ts';
import { createTenant, findTenant } from './tenants.ts';

/** The tenant that a fresh embedded installation has. */
export const DEMO_TENANT = 'demo';
const DEMO_KEY_FILE = 'demo-key';
const OPERATOR_KEY_FILE = 'operator-key';

/**
 * Makes sure that the tenants `demo` and `operator` exist and that the key of each lies in the data folder (mode 0600).
 * A key file that was removed, or that the database does not know, is replaced by one with a new key.
 * @returns the demo tenant's key.
 */
export async function provisionDemo(database: Database, clock: Clock, dataDirectory: string): Promise<string> {
  await provision(database, clock, join(dataDirectory, OPERATOR_KEY_FILE), {
    slug: OPERATOR_TENANT,
    scopes: ['admin'],
  });
  return provision(database, clock, join(dataDirectory, DEMO_KEY_FILE), {
    slug: DEMO_TENANT,
    scopes: TENANT_SCOPES,
    iiif: 'open',
  });
}

/** Makes one more key of the operator, where no data folder holds the first. @returns its secret. */
export async function addOperatorKey(database: Database, clock: Clock): Promise<string> {
  const secret = newKeySecret(clock);
  await addKey(database, clock, secret, { slug: OPERATOR_TENANT, scopes: ['admin'] });
  return secret;
}

interface Provisioned {
  readonly slug: string;
  readonly scopes: readonly Scope[];
  /** For a tenant that is made now. */
  readonly iiif?: IiifAccess;
}

async function provision(database: Database, clock: Clock, file: string, provisioned: Provisioned): Promise<string> {
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  const known = await findKey(database, kept);
  if (known) {
    await widenKey(database, known, provisioned.scopes);
    return kept;
  }
  const secret = newKeySecret(clock);
  // The file first: a key that nobody holds is harmless, one that the database lacks is made again at the next start.
  await rm(file, { force: true });
  await writeFile(file, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  await addKey(database, clock, secret, provisioned);
  return secret;
}

async function addKey(
  database: Database,
  clock: Clock,
  secret: string,
  { slug, scopes, iiif }: Provisioned,
): Promise<void> {
  await database.transaction(async (tx) => {
    const tenantId = (await findTenant(tx, slug))?.tenantId ?? (await createTenant(tx, clock, slug, iiif));
    if (tenantId === undefined) throw new Error(`somebody else made the tenant ${slug} in this moment; try again`);
    await createKey(tx, clock, { tenantId, secret, scopes });
  });
}
