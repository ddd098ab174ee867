import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Image } from '@safelight/contract';
import { createClient, type SafelightClient, SafelightError } from '@safelight/sdk';
import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { startNode } from '../compose.ts';
import type { Config } from '../config.ts';
import { createLog } from '../telemetry/log.ts';
import { ExitError } from './exit.ts';
import { readDemoKey, urlOfNode } from './running-node.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

/** A folder of pictures that may lie beside the checkout. */
const CORPUS = fileURLToPath(new URL('../../../../../shared/corpus', import.meta.url));
const MAKE_PICTURES = fileURLToPath(new URL('../../../../scripts/make-pictures.ts', import.meta.url));
const PICTURE_NAME = /\.(jpe?g|png|webp|avif|gif|svg|heic|tiff?)$/i;
const AT_ONCE = 4;
const WAIT_SECONDS = 30;
const PRESETS = ['small', 'medium', 'large'] as const;

interface Outcome {
  readonly name: string;
  readonly image?: Image;
  readonly refusal?: string;
}

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('Upload pictures and show what came out; starts a node for the time when none runs.')
    .argument('[folder]', 'pictures to send; absent: a corpus beside the checkout, or pictures made on the spot')
    .option('--url <url>', 'the Safelight to send to; absent: the one on this machine')
    .option('--key <key>', 'its API key; absent: the demo key of the data folder')
    .option('--json', 'print the images as JSON instead of a table')
    .action((folder: string | undefined, options: DemoOptions) => demo(folder, options));
}

interface DemoOptions {
  readonly url?: string;
  readonly key?: string;
  readonly json?: true;
}

async function demo(folder: string | undefined, options: DemoOptions): Promise<void> {
  const config = readSettings({});
  const { client, isOwn, close } = await reach(config, options);
  try {
    const paths = await picturesOf(folder, config);
    const outcomes = await sendAll(client, paths, options.json === true);
    if (options.json) console.log(JSON.stringify(outcomes, undefined, 2));
    else show(outcomes);
    if (isOwn) console.error('\nThe Safelight of the demo ends here; `npm start` serves these URLs again.');
  } finally {
    await close();
  }
}

/** A client of the running Safelight, or of one that is started for the demo alone. */
async function reach(
  config: Config,
  options: DemoOptions,
): Promise<{ client: SafelightClient; isOwn: boolean; close: () => Promise<void> }> {
  const url = urlOfNode(config, options.url);
  if (await answers(url)) {
    const key = options.key ?? (await readDemoKey(config));
    return { client: createClient({ baseUrl: url, key }), isOwn: false, close: async () => undefined };
  }
  if (options.url !== undefined) throw new ExitError(1, `nothing answers at ${url}`);
  console.error(`No Safelight answers at ${url}: starting one for the demo.`);
  const node = await startNode(config, createLog('warn'));
  if (!node.url) throw new ExitError(2, 'the demo needs the role api');
  return {
    client: createClient({ baseUrl: node.url, key: node.demoKey ?? (await readDemoKey(config)) }),
    isOwn: true,
    close: () => node.stop(),
  };
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/healthz`).then(
    (response) => response.ok,
    () => false,
  );
}

async function picturesOf(folder: string | undefined, config: Config): Promise<string[]> {
  const given = folder === undefined ? await listPictures(CORPUS).catch(() => []) : await listPictures(folder);
  if (given.length > 0) return given;
  if (folder !== undefined) throw new ExitError(1, `there is no picture in ${folder}`);
  const made = join(config.SAFELIGHT_DATA, 'demo-pictures');
  await mkdir(made, { recursive: true });
  const child = spawn(process.execPath, [MAKE_PICTURES, made], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new ExitError(1, 'the demo pictures could not be made; give a folder of your own');
  return listPictures(made);
}

async function listPictures(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: Error) => {
    throw new ExitError(1, `${folder} cannot be read: ${error.message}`);
  });
  return names
    .filter((name) => PICTURE_NAME.test(name))
    .sort()
    .map((name) => join(folder, name));
}

async function sendAll(client: SafelightClient, paths: readonly string[], isQuiet: boolean): Promise<Outcome[]> {
  const bar = new SingleBar(
    { format: '{bar} {value}/{total}  {name}', hideCursor: true, clearOnComplete: true, stream: process.stderr },
    Presets.shades_classic,
  );
  const isLive = !isQuiet && process.stderr.isTTY === true;
  if (isLive) bar.start(paths.length, 0, { name: '' });
  const outcomes: Outcome[] = new Array(paths.length);
  let next = 0;
  let done = 0;
  const send = async () => {
    for (let index = next; index < paths.length; index = next) {
      next += 1;
      const path = paths[index] ?? '';
      outcomes[index] = await sendOne(client, path);
      done += 1;
      if (isLive) bar.update(done, { name: basename(path) });
      else if (!isQuiet) console.error(`${done}/${paths.length} ${basename(path)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, send));
  if (isLive) bar.stop();
  return outcomes;
}

async function sendOne(client: SafelightClient, path: string): Promise<Outcome> {
  const name = basename(path);
  try {
    const image = await client.images.create(await readFile(path), { filename: name, wait: WAIT_SECONDS });
    return { name, image };
  } catch (error) {
    if (error instanceof SafelightError) return { name, refusal: `${error.status} ${error.code}: ${error.message}` };
    throw error;
  }
}

function show(outcomes: readonly Outcome[]): void {
  const rows = outcomes.flatMap(({ name, image, refusal }) => {
    if (!image) return [[name, '', '', '', '', '', '', refusal ?? '']];
    return PRESETS.map((preset, index) => {
      const made = image.renditions.find((rendition) => rendition.preset === preset);
      const first = index === 0 ? [name, `${image.width}×${image.height}`, bytesText(image.bytes)] : ['', '', ''];
      if (made?.bytes === undefined) return [...first, preset, '', '', made?.cause?.message ?? made?.state ?? ''];
      const saving = `${Math.round((1 - made.bytes / image.bytes) * 100)} %`;
      return [...first, preset, `${made.width}×${made.height}`, bytesText(made.bytes), `${made.renderMs} ms`, saving];
    });
  });
  console.log(drawTable(['picture', 'pixels', 'bytes', 'rendition', 'pixels', 'bytes', 'render', 'saving'], rows));
  const sum = (pick: (image: Image) => number) =>
    outcomes.reduce((total, { image }) => total + (image ? pick(image) : 0), 0);
  const originals = sum((image) => image.bytes);
  const renditions = sum((image) => image.renditions.reduce((total, made) => total + (made.bytes ?? 0), 0));
  const renderMs = sum((image) => image.renditions.reduce((total, made) => total + (made.renderMs ?? 0), 0));
  console.log(
    `\n${outcomes.filter(({ image }) => image).length} of ${outcomes.length} pictures: ${bytesText(originals)} sent, ` +
      `${bytesText(renditions)} of renditions made in ${(renderMs / 1000).toFixed(1)} CPU seconds.\n`,
  );
  for (const { name, image } of outcomes) {
    if (image) console.log([name, ...PRESETS.map((preset) => `  ${preset.padEnd(8)}${image.urls[preset]}`)].join('\n'));
  }
}
