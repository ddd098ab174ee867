import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { photo } from '../scripts/make-pictures.ts';
import { slowPicture, withComment } from '../test/chaos/pictures.ts';
import { Random } from '../test/chaos/random.ts';
import { Safelight } from '../test/support/safelight.ts';
import { groupMemory } from './support/group-memory.ts';
import { type UploadedImage, urlSigner } from './support/safelight-stand.ts';
import { median } from './support/statistics.ts';

/**
 * An hour of everything at once: uploads, renditions of every format that nobody has asked for yet, deliveries that are
 * made already, deletions. The memory of the whole group (node, workers, PostgreSQL) is taken every 10 s, and a row
 * is printed for each minute. Fails when memory grows by more than 5 % after minute 10 (median of the last window
 * against that of the first after minute 10), and when an answer comes that nobody should get. What counts is what the
 * processes took for themselves: the pages of programs and files come and go with what else the machine does, and
 * PostgreSQL's shared memory has its size from the start.
 *
 *     node bench/soak.ts [--minutes 60] [--clients 4] [--seed 1] [--pause-ms 0]
 *
 * A run of less than half an hour settles for a third of it, and shows that the command works rather than that memory
 * stays.
 */
interface Sample {
  readonly minute: number;
  readonly rssBytes: number;
  readonly anonymousBytes: number;
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    clients: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    'pause-ms': { type: 'string', default: '0' },
  },
});
const minutes = Number(values.minutes);
/** Between two requests of a client; a machine that others use as well is loaded evenly by it. */
const pauseMs = Number(values['pause-ms']);
const SAMPLE_MS = 10_000;
const SETTLED_MINUTES = Math.min(10, minutes / 3);
const WINDOW_MINUTES = Math.min(10, (minutes - SETTLED_MINUTES) / 2);
const GROWTH_MAX = 1.05;
const LIVE_IMAGES_MAX = 300;
const KNOWN_URLS_MAX = 2_000;
const REQUEST_MS_MAX = 60_000;
const FORMATS = ['jpg', 'png', 'webp', 'avif', 'gif'] as const;
/** What a client does next, by weight. */
const ACTIONS = { upload: 20, render: 35, deliver: 40, delete: 5 } as const;
type Action = keyof typeof ACTIONS;
/** Answers that each may have; 503 with Retry-After is one that all may have. */
const ALLOWED: Readonly<Record<Action, readonly number[]>> = {
  upload: [201, 202],
  render: [200, 404, 410],
  deliver: [200, 404, 410],
  delete: [200, 404, 410],
};

const safelight = await Safelight.start();
const sign = await urlSigner(safelight);
const images: UploadedImage[] = [];
const knownUrls: string[] = [];
const answers = new Map<string, number>();
const wrong: string[] = [];
let uploads = 0;
let isOver = false;
try {
  const pictures = await makePictures();
  const samples: Sample[] = [];
  const started = performance.now();
  const minuteNow = () => (performance.now() - started) / 60_000;
  console.log('minute  RSS MB  own MB  answers so far');
  const timer = setInterval(() => sample(samples, minuteNow()), SAMPLE_MS);
  const random = new Random(Number(values.seed));
  const clients = Array.from({ length: Number(values.clients) }, () => client(pictures, random.fork()));
  const ending = globalThis.setTimeout(() => {
    isOver = true;
  }, minutes * 60_000);
  await Promise.all(clients);
  clearInterval(timer);
  clearTimeout(ending);
  judge(samples);
} finally {
  isOver = true;
  await safelight.close();
}

async function makePictures(): Promise<Buffer[]> {
  return Promise.all([
    photo(1600, 1200).jpeg({ quality: 85 }).toBuffer(),
    photo(2400, 1800).jpeg({ quality: 85 }).toBuffer(),
    photo(1200, 900).jpeg({ quality: 85, progressive: true }).toBuffer(),
    photo(800, 600).png({ compressionLevel: 3 }).toBuffer(),
    slowPicture(4_000, 3_000),
  ]);
}

async function client(pictures: readonly Buffer[], random: Random): Promise<void> {
  while (!isOver) {
    const action = choose(random);
    try {
      const response = await act(action, pictures, random);
      if (response) note(action, response);
      if (pauseMs > 0) await setTimeout(pauseMs);
    } catch (error) {
      wrong.push(`${action}: ${(error as Error).message}`);
      // A service that is gone is not asked for an hour.
      if (wrong.length > 100) isOver = true;
    }
  }
}

function choose(random: Random): Action {
  if (images.length === 0) return 'upload';
  if (images.length > LIVE_IMAGES_MAX) return 'delete';
  const actions = (Object.keys(ACTIONS) as Action[]).flatMap((action) => Array<Action>(ACTIONS[action]).fill(action));
  return random.pick(actions) ?? 'deliver';
}

async function act(action: Action, pictures: readonly Buffer[], random: Random): Promise<Response | undefined> {
  const signal = AbortSignal.timeout(REQUEST_MS_MAX);
  if (action === 'upload') return uploadOne(pictures, random, signal);
  if (action === 'delete') {
    // The oldest, so that pictures live for a while.
    const image = images.shift();
    return image && finished(await safelight.fetch(`/v1/images/${image.id}`, { method: 'DELETE', signal }));
  }
  const url = action === 'render' ? await newUrl(random) : random.pick(knownUrls);
  return url === undefined ? undefined : finished(await fetch(url, { signal }));
}

async function uploadOne(pictures: readonly Buffer[], random: Random, signal: AbortSignal): Promise<Response> {
  uploads += 1;
  const picture = random.pick(pictures) ?? Buffer.alloc(0);
  const body = Uint8Array.from(withComment(picture, `${uploads}`).bytes);
  const response = await safelight.fetch('/v1/images', { method: 'POST', body, signal });
  if (!response.ok) return finished(response);
  const image = (await response.json()) as UploadedImage;
  images.push(image);
  remember(image.urls.small, image.urls.medium, image.urls.large);
  return response;
}

async function newUrl(random: Random): Promise<string | undefined> {
  const image = random.pick(images);
  if (!image) return undefined;
  const transformation = {
    w: Math.floor(random.between(50, 1200)),
    fm: random.pick(FORMATS) ?? 'jpg',
    q: Math.floor(random.between(50, 90)),
  };
  const url = await sign(image, transformation);
  remember(url);
  return url;
}

function remember(...urls: readonly (string | undefined)[]): void {
  for (const url of urls) if (url !== undefined) knownUrls.push(url);
  if (knownUrls.length > KNOWN_URLS_MAX) knownUrls.splice(0, knownUrls.length - KNOWN_URLS_MAX);
}

/** Reads the answer to its end, so that the connection is free again. */
async function finished(response: Response): Promise<Response> {
  await response.arrayBuffer();
  return response;
}

function note(action: Action, response: Response): void {
  const label = `${action} ${response.status}`;
  answers.set(label, (answers.get(label) ?? 0) + 1);
  const isRefused = response.status === 503 && response.headers.has('retry-after');
  if (!isRefused && !ALLOWED[action].includes(response.status)) wrong.push(`${label} ${response.url}`);
}

function sample(samples: Sample[], minute: number): void {
  const memory = groupMemory(safelight.process.pid ?? 0);
  const before = samples.at(-1)?.minute ?? 0;
  samples.push({ minute, ...memory });
  if (Math.floor(before) === Math.floor(minute)) return;
  const told = [...answers]
    .sort()
    .map(([label, count]) => `${label}: ${count}`)
    .join(', ');
  const cells = [minute.toFixed(0), megabytes(memory.rssBytes), megabytes(memory.anonymousBytes)];
  console.log(`${cells.map((cell, at) => cell.padStart(at === 0 ? 6 : 8)).join('')}  ${told}`);
}

function judge(samples: readonly Sample[]): void {
  const within = (from: number, to: number) =>
    samples.filter(({ minute }) => minute >= from && minute < to).map(({ anonymousBytes }) => anonymousBytes);
  const last = samples.at(-1)?.minute ?? 0;
  const first = median(within(SETTLED_MINUTES, SETTLED_MINUTES + WINDOW_MINUTES));
  const end = median(within(last - WINDOW_MINUTES, Number.POSITIVE_INFINITY));
  const growth = end / first;
  console.log(
    `memory of its own: ${megabytes(first)} MB in the first ${WINDOW_MINUTES.toFixed(1)} minutes after minute ${SETTLED_MINUTES.toFixed(1)}, ` +
      `${megabytes(end)} MB in the last: ${growth.toFixed(3)}, bound ${GROWTH_MAX}`,
  );
  for (const line of wrong.slice(0, 20)) console.log(`wrong: ${line}`);
  if (!(growth <= GROWTH_MAX) || wrong.length > 0) process.exitCode = 1;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
