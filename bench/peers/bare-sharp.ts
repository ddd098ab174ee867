import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/**
 * What every subject is held against: the best that bare sharp does behind node:http. One process; one thread for a
 * picture and as many pictures at once as there are cores (1.26 to 1.6 times the throughput of threads within a picture);
 * no operation cache; the file read by libvips itself, in sequence. It stores nothing, and asks nobody.
 * Arguments: folder of the originals, pictures at once, and `fixed-tables` for JPEG's own Huffman tables instead of
 * tables fitted to each picture, which the library makes unless told otherwise (2 % fewer bytes for 3 to 8 % more CPU).
 */
const require = createRequire(new URL('../../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;
const [folder = '', places = '', tables = ''] = process.argv.slice(2);

sharp.concurrency(1);
sharp.cache(false);

let free = Number(places);
const waiting: (() => void)[] = [];

const server = createServer(async ({ url }, response) => {
  const { pathname, searchParams } = new URL(url ?? '', 'http://bench');
  const [width, quality] = [Number(searchParams.get('w')), Number(searchParams.get('q'))];
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    const image = sharp(join(folder, pathname), { sequentialRead: true });
    const bytes = await image
      .autoOrient()
      .resize(width)
      .jpeg({ quality, optimiseCoding: tables !== 'fixed-tables' })
      .toBuffer();
    response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': bytes.length }).end(bytes);
  } catch (error) {
    response.writeHead(500).end(String(error));
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${(server.address() as AddressInfo).port}`));
