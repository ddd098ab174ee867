import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { Database } from './database.ts';
import { startEmbeddedCluster } from './embedded/index.ts';
import { createLogin, SERVICE_LOGIN } from './login.ts';
import { checkSchema, migrate } from './migrate.ts';

export interface OpenDatabaseOptions {
  /** A PostgreSQL to use; absent: an embedded one below `dataDirectory`. */
  readonly url: string | undefined;
  readonly dataDirectory: string;
  readonly connectionsMax: number;
  readonly log: (line: string) => void;
  readonly onError: (error: Error) => void;
  /** Settings of the embedded server that win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
}

export interface OpenedDatabase {
  readonly database: Database;
  readonly isEmbedded: boolean;
  /** Of the embedded server, while it runs. */
  readonly pid: () => number | undefined;
  close(): Promise<void>;
}

const EMBEDDED_NAME = 'safelight';
const PASSWORD_BYTES = 32;
/** Holds the URL by which tools on this machine reach the embedded database while it runs. */
export const DATABASE_URL_FILE = 'database-url';

/**
 * Opens the database: the one that is named, whose schema must fit, or the embedded one, which is started, provided
 * with a login and migrated.
 * @throws SchemaMismatchError, ClusterBusyError, EmbeddedUnavailableError, or the connection's own error.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<OpenedDatabase> {
  return options.url === undefined ? openEmbedded(options) : openNamed(options, options.url);
}

async function openNamed(options: OpenDatabaseOptions, url: string): Promise<OpenedDatabase> {
  const database = connect(options, { connectionString: url });
  try {
    await checkSchema((sql) => database.query(sql));
  } catch (error) {
    await database.close();
    throw error;
  }
  return { database, isEmbedded: false, pid: () => undefined, close: () => database.close() };
}

async function openEmbedded(options: OpenDatabaseOptions): Promise<OpenedDatabase> {
  const { dataDirectory, log, settings } = options;
  const directory = join(dataDirectory, 'postgres');
  const cluster = await startEmbeddedCluster({ directory, log, ...(settings && { settings }) });
  try {
    // A password of this run alone: the login is made anew at each start.
    const password = randomBytes(PASSWORD_BYTES).toString('hex');
    await createLogin(cluster.connection, EMBEDDED_NAME, password);
    await migrate({ ...cluster.connection, database: EMBEDDED_NAME });
    const connection = { ...cluster.connection, database: EMBEDDED_NAME, user: SERVICE_LOGIN, password };
    const file = join(dataDirectory, DATABASE_URL_FILE);
    await writeSecret(file, urlOf(connection));
    const database = connect(options, connection);
    const close = async () => {
      await database.close();
      await rm(file, { force: true });
      await cluster.stop();
    };
    return { database, isEmbedded: true, pid: cluster.pid, close };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function connect(options: OpenDatabaseOptions, connection: pg.ClientConfig): Database {
  const { connectionsMax, onError } = options;
  return new Database({ connection, connectionsMax, namedStatements: true, onError });
}

function urlOf(connection: { host: string; port: number; user: string; password: string; database: string }): string {
  const { host, port, user, password, database } = connection;
  return `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}&port=${port}\n`;
}

async function writeSecret(file: string, text: string): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600, flag: 'wx' });
}
