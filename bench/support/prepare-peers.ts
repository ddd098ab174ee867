import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Brings the peers of bench/peers.ts onto this machine, below `node_modules/.cache`: nothing is installed into the
 * system or into Safelight, and a second run finds them there. What cannot be had is told in one line and left out.
 */
const SOURCE = fileURLToPath(new URL('../peers/', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/safelight-peers/', import.meta.url));
const INSTALL_MS_MAX = 300_000;
const NGINX_MODULE = 'ngx_http_image_filter_module.so';

export interface NpmPeers {
  /** Holds ipx-server.mjs, next-app (built) and node_modules. */
  readonly folder: string;
}

export interface Nginx {
  readonly binary: string;
  readonly module: string;
  /** For libraries that the system lacks; empty when nginx is the system's own. */
  readonly libraryPath: string;
  readonly version: string;
}

/** ipx and Next.js by `npm ci`, and Next.js's smallest application built once. */
export function prepareNpmPeers(): NpmPeers | string {
  const folder = join(CACHE, 'npm');
  const stamp = join(folder, 'stamp');
  const digest = digestOf(SOURCE);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return { folder };
  try {
    rmSync(folder, { recursive: true, force: true });
    cpSync(SOURCE, folder, { recursive: true });
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], folder);
    const next = join(folder, 'node_modules/next/dist/bin/next');
    run(process.execPath, [next, 'build'], join(folder, 'next-app'), { NEXT_TELEMETRY_DISABLED: '1' });
    writeFileSync(stamp, digest);
    return { folder };
  } catch (error) {
    return `npm could not install it: ${firstLine(error)}`;
  }
}

/** The system's nginx if it has the module, else Debian's packages, unpacked and not installed. */
export function prepareNginx(): Nginx | string {
  const systems = ['/usr/lib/nginx/modules', '/usr/lib64/nginx/modules'].map((folder) => join(folder, NGINX_MODULE));
  const module = systems.find((path) => existsSync(path));
  const binary = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin']
    .map((folder) => join(folder, 'nginx'))
    .find((path) => existsSync(path));
  if (module && binary) return { binary, module, libraryPath: '', version: versionOf(binary, '') };
  const root = join(CACHE, 'nginx');
  try {
    if (!existsSync(join(root, 'usr/sbin/nginx'))) unpackNginx(root);
    const found = {
      binary: join(root, 'usr/sbin/nginx'),
      module: join(root, 'usr/lib/nginx/modules', NGINX_MODULE),
      libraryPath: libraryFolders(root).join(delimiter),
    };
    return { ...found, version: versionOf(found.binary, found.libraryPath) };
  } catch (error) {
    return `its Debian packages could not be had by apt-get: ${firstLine(error)}`;
  }
}

/** `apt-get install --download-only` fetches the packages and those that they need and this system lacks. */
function unpackNginx(root: string): void {
  rmSync(root, { recursive: true, force: true });
  const archives = join(CACHE, 'archives');
  mkdirSync(join(archives, 'partial'), { recursive: true });
  const cache = `Dir::Cache::Archives=${archives}`;
  // Without root the system's lock cannot be taken, and nothing of the system's is written.
  const options = ['-q', '-y', '--no-install-recommends', '-o', cache, '-o', 'Debug::NoLocking=1'];
  const packages = ['nginx', 'libnginx-mod-http-image-filter'];
  const download = () => run('apt-get', ['install', '--download-only', ...options, ...packages], CACHE);
  try {
    download();
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
    run('apt-get', ['update', '-q'], CACHE);
    download();
  }
  const unpacked = join(CACHE, 'unpacked');
  rmSync(unpacked, { recursive: true, force: true });
  for (const name of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    run('dpkg', ['-x', join(archives, name), unpacked], CACHE);
  rmSync(archives, { recursive: true });
  cpSync(unpacked, root, { recursive: true, verbatimSymlinks: true });
  rmSync(unpacked, { recursive: true });
}

function libraryFolders(root: string): string[] {
  const lib = join(root, 'usr/lib');
  return [lib, ...readdirSync(lib).map((name) => join(lib, name))].filter(
    (folder) => /linux-gnu/.test(folder) && existsSync(folder),
  );
}

function versionOf(binary: string, libraryPath: string): string {
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath };
  // It speaks on stderr.
  const said = execFileSync('/bin/sh', ['-c', '"$0" -v 2>&1', binary], { env, encoding: 'utf8' });
  return /nginx\/([\d.]+)/.exec(said)?.[1] ?? 'unknown';
}

function run(command: string, args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): void {
  console.error(`+ ${command} ${args.join(' ')}   (in ${cwd})`);
  execFileSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    timeout: INSTALL_MS_MAX,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function firstLine(error: unknown): string {
  const { message, stderr } = error as Error & { stderr?: Buffer };
  const said = (stderr?.toString() ?? '')
    .split('\n')
    .map((line) => line.replace(/^(?:npm error|E:)/, '').trim())
    .filter((line) => line !== '' && !/^npm warn|^code /.test(line));
  return (said.slice(0, 2).join(' ') || (message.split('\n')[0] ?? '')).slice(0, 300);
}

function digestOf(folder: string): string {
  const hash = createHash('sha256').update(process.version);
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    if (/\.(?:json|mjs|jsx)$/.test(name)) hash.update(name).update(readFileSync(path));
  }
  return hash.digest('hex');
}
