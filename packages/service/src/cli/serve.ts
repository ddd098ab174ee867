import type { Command } from 'commander';
import { drainMs, type SafelightNode, startNode } from '../compose.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { createLog } from '../telemetry/log.ts';
import { ExitError } from './exit.ts';
import { readSettings } from './settings.ts';

/**
 * Besides the time in which it goes on answering and jobs may end; 9.5 s with what both are by themselves. Docker kills
 * after ten seconds, Kubernetes after thirty.
 */
const STOP_MS_MAX = 5_500;
const ECHO_MS = 1_500;

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('Run a node until SIGTERM: API, page, worker processes and, unless DATABASE_URL is set, a PostgreSQL.')
    .option('--roles <roles>', 'roles of this node, separated by commas (SAFELIGHT_ROLES)')
    .option('--port <port>', 'port to listen on (SAFELIGHT_PORT)')
    .option('--strict', 'stop at unknown SAFELIGHT_ names instead of warning')
    .action((options: { roles?: string; port?: string; strict?: true }) => serve(options));
}

async function serve(options: { roles?: string; port?: string; strict?: true }): Promise<void> {
  const overrides = {
    ...(options.roles !== undefined && { SAFELIGHT_ROLES: options.roles }),
    ...(options.port !== undefined && { SAFELIGHT_PORT: options.port }),
  };
  const config = readSettings(overrides, options.strict);
  const signalled = firstSignal(STOP_MS_MAX + 1000 * config.SAFELIGHT_JOB_GRACE_SECONDS + drainMs(config));
  const node = await start(config);
  announce(config, node);
  await signalled;
  await node.stop();
  process.exit(0);
}

async function start(config: Config): Promise<SafelightNode> {
  try {
    return await startNode(config, createLog(config.SAFELIGHT_LOG_LEVEL));
  } catch (error) {
    throw toExit(config, error as Error & { code?: string });
  }
}

function toExit(config: Config, error: Error & { code?: string }): Error {
  if (error.name === 'FolderBusyError' || error.name === 'ClusterBusyError') {
    return new ExitError(
      3,
      `another Safelight runs on ${config.SAFELIGHT_DATA}: ${error.message}. Stop it, or set SAFELIGHT_DATA.`,
    );
  }
  if (error.code === 'EADDRINUSE') {
    return new ExitError(1, `port ${config.SAFELIGHT_PORT} is taken; set SAFELIGHT_PORT (0 picks a free one).`);
  }
  const known = [
    'EmbeddedUnavailableError',
    'ClusterStartError',
    'SchemaMismatchError',
    'ForeignObjectsError',
    'SealingKeyError',
  ];
  if (known.includes(error.name)) return new ExitError(1, error.message);
  return new ExitError(1, `the node does not start: ${error.message}`, { cause: error });
}

/**
 * Resolves with the first signal to end. A later one, or an end that hangs, leaves at once: every part survives that.
 * One that comes right behind is the first's echo: a terminal tells the whole group, and a wrapper passes it on.
 * A machine of a pool of processes is told by its pool as well, which does not know who has told it before: it leaves
 * at once only when it hangs, or when its pool kills it.
 */
function firstSignal(stopMsMax: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const force = () => process.exit(1);
  const isMachine = process.channel !== undefined;
  let echoUntil: number | undefined;
  const onSignal = () => {
    const now = systemClock.monotonic();
    if (echoUntil !== undefined && now > echoUntil && !isMachine) force();
    if (echoUntil !== undefined) return;
    echoUntil = now + ECHO_MS;
    setTimeout(force, stopMsMax).unref();
    resolve();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
  // A machine of a pool of processes: the node that started it has gone, and with it perhaps the database.
  process.on('disconnect', () => {
    setTimeout(force, STOP_MS_MAX).unref();
    onSignal();
  });
  return promise;
}

function announce(config: Config, node: SafelightNode): void {
  const lines = ['Safelight is ready.'];
  if (node.url) {
    const url = config.SAFELIGHT_PUBLIC_URL ?? node.url;
    lines.push('', `  page       ${url}/`, `  reference  ${url}/docs`);
    if (node.demoKey) {
      lines.push(`  key        ${node.demoKey}   (tenant demo; also in ${config.SAFELIGHT_DATA}/demo-key)`, '');
      lines.push('Send a picture:', '', `  curl -F image=@photo.jpg ${url}/`);
    }
  }
  console.log(`${lines.join('\n')}\n`);
}
