import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostsOf } from './cluster/hosts.ts';
import { WRITER_FOUND_MS_MAX } from './cluster/writer.ts';
import { Database, type DatabaseOptions } from './database.ts';
import { EmbeddedUnavailableError } from './embedded/errors.ts';
import { startEmbeddedCluster } from './embedded/index.ts';
import type { DatabaseObserver } from './guard.ts';
import { createLogin, SERVICE_LOGIN } from './login.ts';
import { checkSchema, migrate } from './migrate.ts';

export interface OpenDatabaseOptions {
  /** A PostgreSQL to use, of one host or several; absent: an embedded one below `dataDirectory`. */
  readonly url: string | undefined;
  /** Set when `url` leads to a transaction-pooling proxy: the way past it, if there is one. */
  readonly proxy?: { readonly directUrl: string | undefined } | undefined;
  /** Of several hosts: how far behind one may be that serves reads, in milliseconds; 0 or absent: none does. */
  readonly readerLagMsMax?: number;
  readonly dataDirectory: string;
  readonly connectionsMax: number;
  readonly log: (line: string) => void;
  readonly onError: (error: Error) => void;
  /** Told in words when the writer is lost, found or moves. */
  readonly onNews?: (news: string) => void;
  readonly observer?: DatabaseObserver;
  /** Settings of the embedded server that win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A folder to which the embedded server archives its log. */
  readonly archive?: string | undefined;
  /** How long the embedded server may take to start. */
  readonly readyMsMax?: number;
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
 * @throws SchemaMismatchError, ClusterBusyError, EmbeddedUnavailableError, NoWriterError, or the connection's own error.
 */
export async function openDatabase(options: OpenDatabaseOptions): Promise<OpenedDatabase> {
  if (options.url === undefined) return openEmbedded(options);
  if (options.archive !== undefined) {
    throw new EmbeddedUnavailableError(
      'SAFELIGHT_ARCHIVE is for the embedded database alone: the PostgreSQL of DATABASE_URL is archived by its own means',
    );
  }
  return openNamed(options, options.url);
}

async function openNamed(options: OpenDatabaseOptions, url: string): Promise<OpenedDatabase> {
  const direct = options.proxy?.directUrl;
  const proxy = options.proxy && { direct: direct === undefined ? undefined : hostsOf(direct) };
  const database = connect(options, hostsOf(url), proxy);
  try {
    await database.findWriter(WRITER_FOUND_MS_MAX);
    await checkSchema((sql) => database.query(sql));
  } catch (error) {
    await database.close();
    throw error;
  }
  return { database, isEmbedded: false, pid: () => undefined, close: () => database.close() };
}

async function openEmbedded(options: OpenDatabaseOptions): Promise<OpenedDatabase> {
  const { dataDirectory, log, settings, archive, readyMsMax } = options;
  const directory = join(dataDirectory, 'postgres');
  const cluster = await startEmbeddedCluster({ directory, log, archive, readyMsMax, ...(settings && { settings }) });
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

function connect(
  options: OpenDatabaseOptions,
  connection: DatabaseOptions['connection'],
  proxy?: DatabaseOptions['proxy'],
): Database {
  const { connectionsMax, readerLagMsMax, onError, onNews, observer } = options;
  const told = { onError, onNews, observer };
  return new Database({ connection, connectionsMax, namedStatements: true, proxy, readerLagMsMax, ...told });
}

function urlOf(connection: { host: string; port: number; user: string; password: string; database: string }): string {
  const { host, port, user, password, database } = connection;
  return `postgres://${user}:${password}@/${database}?host=${encodeURIComponent(host)}&port=${port}\n`;
}

async function writeSecret(file: string, text: string): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600, flag: 'wx' });
}
