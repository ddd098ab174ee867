import { spawn } from 'node:child_process';

/** How far a worker process is shut off from the machine. Crash isolation is always there; the rest needs root on Linux. */
export interface Isolation {
  /** Each worker becomes the user and group with this number plus its slot; undefined: the supervisor's own. */
  readonly uidBase: number | undefined;
  /** Where `unshare` (util-linux) lies, when it may give a worker a network namespace of its own, without a network. */
  readonly unsharePath: string | undefined;
}

/** What a supervisor that is not root has. */
export const CRASH_ISOLATION: Isolation = { uidBase: undefined, unsharePath: undefined };

/** Above what distributions give to people and daemons, below what systemd's dynamic users take (61184 to 65519 is theirs
 * only where nothing else holds it) and below `nobody`. */
const UID_BASE = 64_100;

const UNSHARE_PATHS = ['/usr/bin/unshare', '/bin/unshare'];

/** What this machine allows, by trying it: containers often withhold a right that root has elsewhere. */
export async function detectIsolation(uidBase = UID_BASE): Promise<Isolation> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return CRASH_ISOLATION;
  const node = process.execPath;
  const becomes = await succeeds(node, ['--version'], { uid: uidBase, gid: uidBase }, ['EACCES']);
  let unsharePath: string | undefined;
  for (const path of UNSHARE_PATHS) {
    if (!unsharePath && (await succeeds(path, ['--net', '--', node, '--version'], {}, []))) unsharePath = path;
  }
  return { uidBase: becomes ? uidBase : undefined, unsharePath };
}

/** `allowed`: errors that come after the right was used, such as a program that the other user cannot reach. */
function succeeds(
  command: string,
  args: readonly string[],
  user: { readonly uid?: number; readonly gid?: number },
  allowed: readonly string[],
): Promise<boolean> {
  const child = spawn(command, args, { ...user, env: {}, stdio: 'ignore', cwd: '/' });
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(allowed.includes(error.code ?? '')));
    child.once('exit', (code) => resolve(code === 0));
  });
}
