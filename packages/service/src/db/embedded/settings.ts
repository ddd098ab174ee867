/**
 * What makes an acknowledged commit durable (fsync, synchronous_commit, full_page_writes) is PostgreSQL's default;
 * it stands here so that nobody has to look it up and no postgresql.conf can change it unseen.
 */
const DEFAULTS: Readonly<Record<string, string>> = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // When one of its processes was killed the server ends whole and the launcher starts it anew. Left to itself, a
  // postmaster of 18 whose startup process is killed during its own crash recovery stays `in recovery mode` for ever.
  restart_after_crash: 'off',
  wal_level: 'replica',
  wal_compression: 'on',
  max_connections: '50',
  shared_buffers: '128MB',
  // Queries are short: compiling one costs more than it saves.
  jit: 'off',
  password_encryption: 'scram-sha-256',
  idle_in_transaction_session_timeout: '60s',
  autovacuum: 'on',
  // Queue tables turn over in seconds; the default of a minute leaves claims to scan dead rows.
  autovacuum_naptime: '10s',
  track_io_timing: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '[%p] ',
  // No statements and no row values in the log: they hold secrets and tenants' data.
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
};

export interface ServerPlace {
  readonly socketDirectory: string;
  readonly port: number;
  readonly clusterName: string;
}

/** The settings as options of `postgres`; `overrides` win over the defaults, the place wins over both. */
export function settingOptions(place: ServerPlace, overrides: Readonly<Record<string, string>>): string[] {
  const settings = {
    ...DEFAULTS,
    ...overrides,
    listen_addresses: '',
    // A list, whose entries are quoted like identifiers: the path may hold commas and spaces.
    unix_socket_directories: `"${place.socketDirectory.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    port: String(place.port),
    cluster_name: place.clusterName,
    logging_collector: 'off',
    log_destination: 'stderr',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
