import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { glob, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(fileURLToPath(import.meta.url));
const SOURCES = [
  'index.html',
  'package.json',
  '*.ts',
  'src/**/*',
  '../{sdk,contract}/package.json',
  '../sdk/src/**/*',
  '../contract/src/**/*',
];
const HASH_FILE = '.source-hash';

/** Where the built page lies. */
export const CONSOLE_DIRECTORY = join(ROOT, 'dist');

/**
 * Builds the page unless it stands there already, built from the same sources (compared by their digest, since times
 * of files say nothing after a clone). Several processes may do so at once: each builds aside, and one is put in place.
 */
export async function buildConsole(): Promise<{ readonly directory: string; readonly built: boolean }> {
  const digest = await digestOfSources();
  if ((await builtFrom()) === digest) return { directory: CONSOLE_DIRECTORY, built: false };
  const aside = join(ROOT, 'node_modules', `.console-${process.pid}`);
  try {
    await runVite(['build', '--outDir', aside, '--emptyOutDir', '--logLevel', 'warn']);
    await writeFile(join(aside, HASH_FILE), digest);
    await putInPlace(aside, digest);
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
  return { directory: CONSOLE_DIRECTORY, built: true };
}

/**
 * In a process of its own: its bundler stays out of the service's memory, and the page does not depend on the
 * environment of whoever builds it (under NODE_ENV=test React would be bundled with its development checks).
 */
async function runVite(args: readonly string[]): Promise<void> {
  const vite = fileURLToPath(new URL('bin/vite.js', import.meta.resolve('vite/package.json')));
  const child = spawn(process.execPath, [vite, ...args], {
    cwd: ROOT,
    env: { NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (code !== 0) throw new Error(`the page could not be built (vite ended with ${code ?? signal}):\n${complaint}`);
}

async function putInPlace(aside: string, digest: string): Promise<void> {
  // Another process may have been first, and a server may serve from there already.
  if ((await builtFrom()) === digest) return;
  await rm(CONSOLE_DIRECTORY, { recursive: true, force: true });
  try {
    await rename(aside, CONSOLE_DIRECTORY);
  } catch (error) {
    if ((await builtFrom()) !== digest) throw error;
  }
}

function builtFrom(): Promise<string | undefined> {
  return readFile(join(CONSOLE_DIRECTORY, HASH_FILE), 'utf8').catch(() => undefined);
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const paths: string[] = [];
  for await (const entry of glob(SOURCES, { cwd: ROOT, withFileTypes: true })) {
    if (entry.isFile() && !/\.test\.tsx?$/.test(entry.name)) paths.push(join(entry.parentPath, entry.name));
  }
  for (const path of paths.sort())
    hash
      .update(`${relative(ROOT, path)}\0`)
      .update(await readFile(path))
      .update('\0');
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { directory, built } = await buildConsole();
  console.log(built ? `built ${directory}` : `${directory} is up to date`);
}
