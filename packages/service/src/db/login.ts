import pg from 'pg';

/** The role as which a node logs in to the database that Safelight runs itself. */
export const SERVICE_LOGIN = 'safelight_service';

/**
 * Makes the database and the login role of the embedded set-up, when missing, and sets the password.
 * The login inherits `safelight_system` and may become `safelight_app`; it owns nothing.
 * @param superuser a superuser's connection to any database of the cluster.
 */
export async function createLogin(superuser: pg.ClientConfig, database: string, password: string): Promise<void> {
  const client = new pg.Client(superuser);
  await client.connect();
  try {
    for (const role of ['safelight_owner', 'safelight_app', 'safelight_system'])
      await createRole(client, role, 'NOLOGIN');
    await createRole(client, SERVICE_LOGIN, 'LOGIN');
    await client.query(`ALTER ROLE ${SERVICE_LOGIN} PASSWORD ${pg.escapeLiteral(password)}`);
    await client.query(`GRANT safelight_app, safelight_system TO ${SERVICE_LOGIN}`);
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (!rowCount) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
}

async function createRole(client: pg.Client, name: string, attribute: 'LOGIN' | 'NOLOGIN'): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name]);
  if (!rowCount) await client.query(`CREATE ROLE ${name} ${attribute}`);
}
