import { cpSync, readFileSync, rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WORKER_ENVIRONMENT } from '../../packages/service/src/renditions/process.ts';
import { type Nginx, type NpmPeers, prepareNginx, prepareNpmPeers } from './prepare-peers.ts';
import { freePort, type ServerProcess, startServer } from './server-process.ts';

/** Somebody who answers requests for pictures 800 pixels wide as JPEG of quality 80. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  /** Root of its processes. */
  readonly pid: number;
  /** Where the original of this number comes out resized. */
  readonly urlOf: (index: number) => string;
  end(): Promise<void>;
  /** CPU milliseconds spent by each of its parts, if it has any. */
  readonly cpuMsByPart?: () => Readonly<Record<string, number>>;
}

export const WIDTH = 800;
export const QUALITY = 80;
const PEERS = fileURLToPath(new URL('../peers/', import.meta.url));

export interface PeerOptions {
  /** Holds the originals, under {@link nameOf}. */
  readonly originals: string;
  /** For what servers write. */
  readonly folder: string;
  readonly only: (name: string) => boolean;
}

export function nameOf(index: number): string {
  return `p${index}.jpg`;
}

/** Starts every peer that can be had; the others are told of in a line each. */
export async function startPeers(options: PeerOptions): Promise<Subject[]> {
  const npm = options.only('ipx') || options.only('Next.js') ? prepareNpmPeers() : 'not asked for';
  const nginx = options.only('nginx') ? prepareNginx() : 'not asked for';
  const starts: { name: string; start: () => Promise<Subject> | string }[] = [
    { name: 'bare sharp', start: () => startBareSharp(options, 'bare sharp', 'own-tables') },
    {
      name: 'bare sharp, fixed tables',
      start: () => startBareSharp(options, 'bare sharp, fixed tables', 'fixed-tables'),
    },
    { name: 'ipx', start: () => (typeof npm === 'string' ? npm : startIpx(options, npm)) },
    { name: 'Next.js', start: () => (typeof npm === 'string' ? npm : startNext(options, npm, true)) },
    { name: 'Next.js without mozjpeg', start: () => (typeof npm === 'string' ? npm : startNext(options, npm, false)) },
    { name: 'nginx image_filter', start: () => (typeof nginx === 'string' ? nginx : startNginx(options, nginx)) },
  ];
  const subjects: Subject[] = [];
  try {
    for (const { name, start } of starts.filter(({ name }) => options.only(name))) {
      const started = start();
      if (typeof started === 'string') console.log(`${name} is left out: ${started}`);
      else subjects.push(await started);
    }
  } catch (error) {
    await Promise.all(subjects.map((subject) => subject.end()));
    throw error;
  }
  return subjects;
}

async function startBareSharp({ originals }: PeerOptions, name: string, tables: string): Promise<Subject> {
  const args = [join(PEERS, 'bare-sharp.ts'), originals, `${availableParallelism()}`, tables];
  const server = await startServer({
    command: process.execPath,
    args,
    // As Safelight's workers have it: the best only with the best allocator settings.
    env: WORKER_ENVIRONMENT,
    ready: /listening (\d+)/,
  });
  const service = readFileSync(new URL('../../packages/service/package.json', import.meta.url), 'utf8');
  const { dependencies } = JSON.parse(service) as { dependencies: { sharp: string } };
  return subject(name, dependencies.sharp, server, server.told, (file) => `/${file}?w=${WIDTH}&q=${QUALITY}`);
}

async function startIpx({ originals }: PeerOptions, npm: NpmPeers): Promise<Subject> {
  const args = [join(npm.folder, 'ipx-server.mjs'), originals];
  const server = await startServer({ command: process.execPath, args, cwd: npm.folder, ready: /listening (\d+)/ });
  const version = versionIn(join(npm.folder, 'node_modules/ipx/package.json'));
  return subject('ipx', version, server, server.told, (name) => `/w_${WIDTH},f_jpeg,q_${QUALITY}/${name}`);
}

/** `next start` on the smallest application, whose public folder holds the originals: it reads that folder at the start. */
async function startNext({ originals }: PeerOptions, npm: NpmPeers, mozjpeg: boolean): Promise<Subject> {
  // Beside the node_modules that it is resolved from, and one for each, since it writes below its folder.
  const application = await mkdtemp(join(npm.folder, 'run-'));
  const end = () => rmSync(application, { recursive: true, force: true });
  try {
    cpSync(join(npm.folder, 'next-app'), application, {
      recursive: true,
      filter: (path) => !/\.next.cache/.test(path),
    });
    await symlink(originals, join(application, 'public'));
    const server = await startServer({
      command: process.execPath,
      args: [join(npm.folder, 'node_modules/next/dist/bin/next'), 'start', '-H', '127.0.0.1', '-p', '0'],
      cwd: application,
      env: { NEXT_TELEMETRY_DISABLED: '1', WITHOUT_MOZJPEG: mozjpeg ? '0' : '1' },
      ready: /127\.0\.0\.1:(\d+)[\s\S]*Ready/,
    });
    const version = versionIn(join(npm.folder, 'node_modules/next/package.json'));
    const name = mozjpeg ? 'Next.js' : 'Next.js without mozjpeg';
    const pathOf = (file: string) => `/_next/image?url=%2F${file}&w=${WIDTH}&q=${QUALITY}`;
    const made = subject(name, version, server, server.told, pathOf);
    return { ...made, end: () => made.end().finally(end) };
  } catch (error) {
    end();
    throw error;
  }
}

async function startNginx({ originals, folder }: PeerOptions, nginx: Nginx): Promise<Subject> {
  const prefix = join(folder, 'nginx');
  await mkdir(prefix, { recursive: true });
  // Its workers are other users when root starts it, and the folders above are closed to those.
  await chmod(folder, 0o711);
  const port = await freePort();
  const path = join(prefix, 'nginx.conf');
  await writeFile(path, nginxConfiguration({ port, prefix, originals, module: nginx.module }));
  const server = await startServer({
    command: nginx.binary,
    args: ['-p', prefix, '-c', path, '-e', join(prefix, 'start.log')],
    env: { LD_LIBRARY_PATH: nginx.libraryPath },
    ready: /start worker process(?: \d+)?/,
  });
  return subject('nginx image_filter', nginx.version, server, `${port}`, (name) => `/${name}`);
}

function nginxConfiguration(at: { port: number; prefix: string; originals: string; module: string }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${at.prefix}/${kind};`)
    .join('\n');
  return `load_module ${at.module};
daemon off;
pid ${at.prefix}/nginx.pid;
error_log stderr notice;
worker_processes auto;
events { worker_connections 256; }
http {
${temporary}
  access_log off;
  sendfile on;
  types { image/jpeg jpg; }
  server {
    listen 127.0.0.1:${at.port};
    root ${at.originals};
    location / {
      image_filter resize ${WIDTH} -;
      image_filter_jpeg_quality ${QUALITY};
      image_filter_buffer 64M;
    }
  }
}
`;
}

/** The originals of the peers, each a file of its own: one that all shared would stay in the cores' caches. */
export async function writeOriginals(picture: Uint8Array, folder: string, count: number): Promise<string> {
  const originals = join(folder, 'originals');
  await rm(originals, { recursive: true, force: true });
  await mkdir(originals);
  for (let index = 0; index < count; index += 1) await writeFile(join(originals, nameOf(index)), picture);
  return originals;
}

function subject(
  name: string,
  version: string,
  server: ServerProcess,
  port: string,
  pathOf: (file: string) => string,
): Subject {
  const urlOf = (index: number) => `http://127.0.0.1:${port}${pathOf(nameOf(index))}`;
  return { name, version, pid: server.pid, urlOf, end: () => server.end() };
}

function versionIn(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}
