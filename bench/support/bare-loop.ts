import { mkdir, open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * What the service is held against: the best loop over bare sharp that makes the same pixels durable. Per picture it
 * writes the original, decodes once to the largest preset, derives the others from those pixels, writes the three, and
 * fsyncs each file and its folder. It hashes nothing, asks nobody, and knows no tenant. A process of its own: told a
 * list of files, it answers the CPU milliseconds that they took.
 */
const require = createRequire(new URL('../../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;
const BOX = { fit: 'inside', withoutEnlargement: true } as const;
const SIDES = [600, 300, 100];
const AT_ONCE = 2;

sharp.concurrency(1);
sharp.cache(false);

process.on('message', async ({ paths, folder }: { paths: string[]; folder: string }) => {
  await mkdir(folder, { recursive: true });
  const start = process.cpuUsage();
  let next = 0;
  const turn = async () => {
    for (let index = next; index < paths.length; index = next) {
      next += 1;
      await develop(paths[index] ?? '', folder, index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  const { user, system } = process.cpuUsage(start);
  process.send?.({ cpuMs: (user + system) / 1000 });
});
process.on('disconnect', () => process.exit());

async function develop(path: string, folder: string, index: number): Promise<void> {
  const original = await readFile(path);
  await store(folder, `${index}-original`, original);
  const image = sharp(original, { sequentialRead: true, failOn: 'warning' });
  const { data, info } = await image.autoOrient().resize(600, 600, BOX).raw().toBuffer({ resolveWithObject: true });
  const raw = { width: info.width, height: info.height, channels: info.channels as 3 | 4 };
  const isPng = /\.png$/.test(path);
  for (const side of SIDES) {
    const sized = sharp(data, { raw }).resize(side, side, BOX);
    const bytes = await (isPng ? sized.png() : sized.jpeg({ quality: 80 })).toBuffer();
    await store(folder, `${index}-${side}`, bytes);
  }
}

async function store(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  const file = await open(join(folder, name), 'wx');
  await file.writeFile(bytes);
  await file.sync();
  await file.close();
  const directory = await open(folder, 'r');
  await directory.sync();
  await directory.close();
}
