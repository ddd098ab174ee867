import { readFile } from 'node:fs/promises';
import { createClient } from '../packages/sdk/src/index.ts';
const [url, key, file, n] = process.argv.slice(2);
const client = createClient({ baseUrl: url!, key });
const bytes = await readFile(file!); let i = 0;
await Promise.all([0,1,2,3].map(async () => { while (i++ < Number(n)) await client.images.create(Buffer.concat([bytes, Buffer.from(`\0${Math.random()}`)]), { wait: 30 }); }));
