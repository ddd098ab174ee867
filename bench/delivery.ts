import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { photo } from '../scripts/make-pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { groupCpuMs } from './support/group-cpu.ts';
import { runLoad } from './support/load.ts';
import { prepareNginx } from './support/prepare-peers.ts';
import { idle, upload } from './support/safelight-stand.ts';
import { freePort, type ServerProcess, startServer } from './support/server-process.ts';
import { median } from './support/statistics.ts';

/**
 * Cached delivery: requests per second for pictures of about 5, 60 and 500 kB, from Safelight as it runs, from bare
 * node:http that streams the same files or holds them in memory, and from nginx for scale. One load process, 16 kept
 * connections; rounds alternate among the servers, and the medians of the paired ratios are printed.
 *
 *     node bench/delivery.ts [--rounds 5] [--seconds 3]
 */
const argument = (name: string, fallback: number) => Number(process.argv[process.argv.indexOf(name) + 1]) || fallback;
const rounds = argument('--rounds', 5);
const roundMs = argument('--seconds', 3) * 1000;
const BARE = fileURLToPath(new URL('support/bare-delivery.ts', import.meta.url));
const WARM_MS = 1_000;
const BASE = 'node:http stream';

interface Subject {
  readonly name: string;
  readonly pid: number;
  /** By file. */
  readonly urls: Readonly<Record<string, string>>;
}
interface Figure {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly p99: number;
}

const folder = await mkdtemp(join(tmpdir(), 'safelight-bench-'));
// nginx's workers are another user when it was started by root.
await chmod(folder, 0o755);
await mkdir(join(folder, 'files'), { mode: 0o755 });
const safelight = await Safelight.start();
const servers: ServerProcess[] = [];
try {
  const urls = await makeFiles();
  const subjects = [{ name: 'safelight', pid: safelight.process.pid ?? 0, urls }, ...(await startServers(urls))];
  console.log('file\tserver\trequests/s\t÷ stream\tCPU ms/request\tp99 ms');
  for (const file of Object.keys(urls)) await compare(file, subjects);
} finally {
  for (const server of servers) await server.end();
  await safelight.close();
  await rm(folder, { recursive: true });
}

/** Renditions of three sizes, and the same bytes as files for the others. */
async function makeFiles(): Promise<Record<string, string>> {
  const plain = await upload(safelight, await photo(1600, 1200).jpeg({ quality: 90 }).toBuffer());
  // A picture that must be PNG, and that does not compress well.
  const grainy = photo(1200, 900).modulate({ brightness: 1.1 }).ensureAlpha(0.8).png();
  const large = await upload(safelight, await grainy.toBuffer());
  await idle(safelight);
  const from = { small: plain.urls.small ?? '', medium: plain.urls.large ?? '', large: large.urls.large ?? '' };
  const urls: Record<string, string> = {};
  for (const url of Object.values(from)) {
    const bytes = Buffer.from(await (await fetch(url)).arrayBuffer());
    const file = `${Math.round(bytes.length / 1000)}kB`;
    await writeFile(join(folder, 'files', file), bytes, { mode: 0o644 });
    urls[file] = url;
  }
  return urls;
}

async function startServers(files: Record<string, string>): Promise<Subject[]> {
  const subjects: Subject[] = [];
  const add = (name: string, server: ServerProcess, port: string) => {
    servers.push(server);
    const at = (file: string) => [file, `http://127.0.0.1:${port}/${file}`];
    subjects.push({ name, pid: server.pid, urls: Object.fromEntries(Object.keys(files).map(at)) });
  };
  for (const kind of ['stream', 'memory']) {
    const args = [BARE, kind, join(folder, 'files')];
    const server = await startServer({ command: process.execPath, args, ready: /listening on (\d+)/ });
    add(`node:http ${kind}`, server, server.told);
  }
  const nginx = prepareNginx();
  if (typeof nginx === 'string') {
    console.log(`without nginx: ${nginx}; \`apt-get install nginx\` brings it`);
    return subjects;
  }
  const port = await freePort();
  const path = join(folder, 'nginx.conf');
  await writeFile(path, nginxConfiguration(port));
  const server = await startServer({
    command: nginx.binary,
    args: ['-c', path, '-p', folder, '-e', 'stderr'],
    env: { LD_LIBRARY_PATH: nginx.libraryPath },
    ready: /(start worker processes)/,
  });
  add(`nginx ${nginx.version}`, server, `${port}`);
  return subjects;
}

/** One worker, as the others have one thread for HTTP. */
function nginxConfiguration(port: number): string {
  return `daemon off;
worker_processes 1;
user nobody nogroup;
error_log stderr notice;
pid ${folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 100000000;
  default_type image/jpeg;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  server { listen 127.0.0.1:${port}; root ${folder}/files; }
}
`;
}

async function compare(file: string, subjects: readonly Subject[]): Promise<void> {
  const figures = new Map(subjects.map(({ name }) => [name, [] as Figure[]]));
  for (const subject of subjects) await measure(subject, file, WARM_MS);
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) figures.get(subject.name)?.push(await measure(subject, file, roundMs));
  }
  const base = figures.get(BASE) ?? [];
  for (const [name, seen] of figures) {
    const ratios = seen.map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? Number.NaN));
    const of = (key: keyof Figure) => median(seen.map((figure) => figure[key]));
    const cells = [of('perSecond').toFixed(0), median(ratios).toFixed(2), of('cpuMs').toFixed(3), of('p99').toFixed(1)];
    console.log([file, name, ...cells].join('\t'));
  }
}

async function measure({ pid, urls }: Subject, file: string, ms: number): Promise<Figure> {
  const cpuBefore = groupCpuMs(pid);
  const { requests, seconds, ms: latency } = await runLoad({ urls: [urls[file] ?? ''], ms });
  return { perSecond: requests / seconds, cpuMs: (groupCpuMs(pid) - cpuBefore) / requests, p99: latency.p99 };
}
