import type pg from 'pg';

/**
 * The hosts of a URL of PostgreSQL, each with all that the URL says besides: `postgres://u:p@h1:5432,h2/db` names two.
 */
export function hostsOf(url: string): pg.ClientConfig[] {
  const [, before = '', hosts = '', after = ''] = /^([a-z]+:\/\/(?:[^@/]*@)?)([^/?#]*)(.*)$/s.exec(url) ?? [];
  return hosts.split(',').map((host) => ({ connectionString: `${before}${host}${after}` }));
}

/** A host as people name it, without the password. */
export function nameOf(host: pg.ClientConfig): string {
  if (host.connectionString !== undefined)
    return /^[a-z]+:\/\/(?:[^@/]*@)?([^/?#]*)/.exec(host.connectionString)?.[1] || 'the database';
  return `${host.host}:${host.port}`;
}
