import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { watchMemory } from '../../bench/support/group-memory.ts';
import { photo } from '../../scripts/make-pictures.ts';
import { hostileFiles } from '../support/hostile.ts';
import { Safelight } from '../support/safelight.ts';

/** What jobs may be predicted to hold at once, and what node, database, probe and idle workers have besides. */
const MEMORY = 1_200_000_000;
const REST = 700_000_000;
const UPLOADS_AT_ONCE = 16;

let node: Safelight;
beforeAll(async () => {
  node = await Safelight.start({
    env: { SAFELIGHT_WORKERS: '2', SAFELIGHT_MEMORY: `${MEMORY}`, SAFELIGHT_WORKER_MEMORY: `${MEMORY}` },
  });
});
afterAll(() => node.close());

test('a mix of pictures made to fill the memory stays within what is configured, and no worker dies of it', async () => {
  const large = await heavyPictures();
  const small = (await hostileFiles()).map(({ bytes }) => bytes);
  const memory = watchMemory(node.process.pid ?? 0);
  const mix = [...large, ...small, ...large.map(distinct)];
  const states: string[] = [];
  const turn = async () => {
    for (let bytes = mix.shift(); bytes !== undefined; bytes = mix.shift()) states.push(await send(bytes));
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, turn));
  const { rssBytes, pssBytes } = memory.stop();
  console.log(`the whole group held ${megabytes(rssBytes)} MB at most (Pss ${megabytes(pssBytes)} MB)`);
  console.log(
    Object.entries(Object.groupBy(states, (state) => state)).map(([state, all]) => `${state} ${all?.length}`),
  );
  expect(states.filter((state) => state === 'ready').length).toBeGreaterThanOrEqual(large.length);
  expect(states).not.toContain('pending');
  expect(await workerDeaths()).toEqual([]);
  expect(rssBytes).toBeLessThan(MEMORY + REST);
}, 300_000);

/** Whose decoders hold much: all coefficients, whole pictures, 16 bits a sample, many frames. */
async function heavyPictures(): Promise<Buffer[]> {
  const flat = { create: { width: 8_000, height: 6_000, channels: 4 as const, background: '#3c68a080' } };
  return [
    await photo(9_000, 7_000).jpeg({ quality: 70, progressive: true }).toBuffer(),
    await photo(7_000, 5_000).jpeg({ quality: 80, chromaSubsampling: '4:4:4', progressive: true }).toBuffer(),
    await sharp(flat).toColourspace('rgb16').png({ compressionLevel: 1 }).toBuffer(),
    await photo(5_000, 4_000).webp({ quality: 60, effort: 0 }).toBuffer(),
    await photo(4_000, 3_000).avif({ quality: 50, effort: 0 }).toBuffer(),
    await photo(6_000, 5_000).png({ compressionLevel: 1, progressive: true }).toBuffer(),
  ];
}

function distinct(bytes: Buffer, index: number): Buffer {
  return Buffer.concat([bytes, Buffer.from(`\0${index}`)]);
}

/** @returns what became of the picture; how it was refused, when it was. */
async function send(bytes: Buffer): Promise<string> {
  const body = Uint8Array.from(bytes);
  const response = await node.fetch('/v1/images?wait=30', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body,
  });
  const answer = (await response.json()) as { id: string; state?: string; code?: string; urls: { large: string } };
  if (answer.code !== undefined) return answer.code;
  let { state } = answer;
  while (state === 'pending') {
    // It waits as long as it may.
    await (await fetch(answer.urls.large)).arrayBuffer();
    state = ((await (await node.fetch(`/v1/images/${answer.id}`)).json()) as { state: string }).state;
  }
  return state ?? 'unknown';
}

/** The counters that are not 0. */
async function workerDeaths(): Promise<string[]> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return [...text.matchAll(/^safelight_worker_deaths_total\S* [1-9]\d*$/gm)].map(([line]) => line);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
