import { createClient } from '@safelight/sdk';
import { photo } from '../scripts/make-pictures.ts';
import { Safelight } from '../test/support/safelight.ts';
import { quantile } from './support/statistics.ts';

/**
 * From acknowledgement to the first rendition, on an idle system: the 202 of an upload, then a GET of the smallest
 * preset, which waits; what passes between the two answers' arrival.
 *
 *     node bench/latency.ts [--rounds 50]
 */
const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1]) || 50;
const picture = await photo(1600, 1200).jpeg({ quality: 85 }).toBuffer();
const safelight = await Safelight.start();
const waitedMs: number[] = [];
try {
  const client = createClient({ baseUrl: safelight.url, key: await safelight.demoKey() });
  for (let round = -3; round < rounds; round += 1) {
    const image = await client.images.create(Buffer.concat([picture, Buffer.from(`\0${round}`)]));
    const acknowledgedAt = performance.now();
    const response = await fetch(image.urls.small ?? '');
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`the rendition answered ${response.status}`);
    if (round >= 0) waitedMs.push(performance.now() - acknowledgedAt);
    // The next one comes to workers that have nothing to do.
    await client.images.get(image.id);
  }
} finally {
  await safelight.close();
}
const [p50, p95, most] = [0.5, 0.95, 1].map((share) => `${quantile(waitedMs, share).toFixed(0)} ms`);
console.log(`acknowledgement to first rendition, 2 MP JPEG, ${rounds} rounds: p50 ${p50}, p95 ${p95}, max ${most}`);
