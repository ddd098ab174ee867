import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/**
 * What delivery is measured against: `node bench/support/bare-delivery.ts stream|memory FOLDER` serves the files of a
 * folder by node:http alone, from the file system or from memory, and prints where it listens.
 */
const [kind = 'stream', folder = '.'] = process.argv.slice(2);

const stream: RequestListener = async (request, response) => {
  const path = join(folder, nameOf(request.url));
  const { size } = await stat(path);
  response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': size });
  createReadStream(path).pipe(response);
};

const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
const memory: RequestListener = (request, response) => {
  const bytes = files.get(nameOf(request.url)) ?? Buffer.alloc(0);
  response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': bytes.length });
  response.end(bytes);
};

const server = createServer(kind === 'memory' ? memory : stream);
server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`));

function nameOf(url = ''): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
