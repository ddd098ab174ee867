import { setTimeout as sleep } from 'node:timers/promises';
import type { Transformation } from '@safelight/contract';
import { signUrl } from '@safelight/sdk';
import { readGroup } from '../../test/chaos/process-tree.ts';
import { asSuperuser, withNodeDatabase } from '../../test/support/node-database.ts';
import type { Safelight } from '../../test/support/safelight.ts';
import { groupCpuMs, ownCpuMs } from './group-cpu.ts';

/** The one that a fresh Safelight has. */
const TENANT = 'demo';
const UPLOADS_AT_ONCE = 4;
const POLL_MS = 100;
const IDLE_MS_MAX = 600_000;

export interface UploadedImage {
  readonly id: string;
  readonly urls: Readonly<Record<string, string>>;
}

/** Uploads copies of a picture that differ in the bytes after its end, and waits until everything of them is made. */
export async function uploadCopies(
  safelight: Safelight,
  picture: Uint8Array,
  names: readonly string[],
): Promise<UploadedImage[]> {
  const images: UploadedImage[] = [];
  let next = 0;
  const turn = async () => {
    for (let index = next; index < names.length; index = next) {
      next += 1;
      images[index] = await upload(safelight, distinct(picture, names[index] ?? ''));
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, turn));
  await idle(safelight);
  return images;
}

/** The same pixels as other bytes: what stands after a JPEG's end is looked at by nobody but the digest. */
export function distinct(picture: Uint8Array, name: string): Buffer {
  return Buffer.concat([picture, Buffer.from(`\0${name}`)]);
}

/** As curl sends one: without the idempotency key that the SDK adds. */
export async function upload(safelight: Safelight, bytes: Uint8Array): Promise<UploadedImage> {
  const response = await safelight.fetch('/v1/images', { method: 'POST', body: Uint8Array.from(bytes) });
  if (!response.ok) throw new Error(`an upload was answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as UploadedImage;
}

/** Waits until no job is left. */
export async function idle(safelight: Safelight): Promise<void> {
  const deadline = performance.now() + IDLE_MS_MAX;
  await withNodeDatabase(safelight, async (database) => {
    while ((await database.query('SELECT FROM jobs LIMIT 1')).length > 0) {
      if (performance.now() > deadline) throw new Error('the queue did not become empty');
      await sleep(POLL_MS);
    }
  });
}

/**
 * How an application that holds the tenant's key writes the URL of a rendition that need not exist yet.
 * @returns a function of image and transformation.
 */
export async function urlSigner(
  safelight: Safelight,
): Promise<(image: UploadedImage, transformation: Transformation) => Promise<string>> {
  const [row] = await asSuperuser(
    safelight,
    `SELECT k.secret FROM safelight.url_keys k JOIN safelight.tenants t USING (tenant_id)
     WHERE t.slug = $1 AND k.retired_at IS NULL ORDER BY k.created_at DESC LIMIT 1`,
    [TENANT],
  );
  const key = Uint8Array.from(row?.secret as Uint8Array);
  return (image, transformation) =>
    signUrl({ baseUrl: safelight.url, tenant: TENANT, image: image.id, key }, transformation);
}

/** CPU milliseconds that each part of a Safelight has spent since it was started. */
export function cpuMsByPart({ process: { pid = 0 }, data }: Safelight): Record<string, number> {
  const group = readGroup(pid, data);
  const sum = (pids: readonly number[]) => pids.reduce((ms, one) => ms + ownCpuMs(one), 0);
  return {
    node: ownCpuMs(pid),
    workers: sum(group.workers.map((worker) => worker.pid)),
    PostgreSQL: group.postmaster === undefined ? 0 : groupCpuMs(group.postmaster),
  };
}
