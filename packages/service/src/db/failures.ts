/**
 * Whether the statement never ran or its fate is unknown because the server or the connection went away, or the server
 * is the writer no more.
 */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code === undefined)
    return error instanceof Error && /terminated|Connection|timeout|not queryable/i.test(error.message);
  // Class 08 connection exception, 57P01-57P03 shutdown, 53300 too many connections, 25006 a reader, the socket's words.
  return /^08|^57P0|^53300$|^25006$|^E(CONN|PIPE|NOENT|NOTFOUND|TIMEDOUT|ACCES|HOST|NET|AI_)/.test(code);
}

/**
 * Whether the database could not do it now and may later: it is away, short of something, or broke off to let others
 * pass. Class 53 insufficient resources (but for the disk, which is storage), 57014 a statement's time, 40001 and 40P01
 * serialisation and deadlock, 55P03 a lock's time.
 */
export function isTransient(error: unknown): boolean {
  return isConnectionLoss(error) || /^(53(?!100)|57014$|40001$|40P01$|55P03$)/.test(errorCode(error) ?? '');
}

/** The SQLSTATE or the socket's word of a failure. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
