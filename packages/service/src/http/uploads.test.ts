import { expect, it } from 'vitest';
import type { HttpDeps } from './deps.ts';
import { Uploads } from './uploads.ts';

it('an upload that begins while the node shuts down is refused, so that it goes elsewhere', async () => {
  const closing = new AbortController();
  const deps = { limits: { uploadsMax: 2 }, closing: closing.signal } as unknown as HttpDeps;
  const uploads = new Uploads(deps, { refuse: () => undefined }, { within: (_tenantId, order) => order() });
  expect(await uploads.count('ten_a', async () => uploads.running)).toBe(1);
  closing.abort();
  await expect(uploads.count('ten_a', async () => 0)).rejects.toMatchObject({ code: 'shutting_down', status: 503 });
  expect(uploads.running).toBe(0);
});
