import type { Transformation } from '@safelight/contract';
import { signUrl, type UrlOptions } from '../../packages/sdk/src/index.ts';
import { systemClock } from '../../packages/service/src/core/clock.ts';
import { changeTenant, findTenant, type UnsignedUrls } from '../../packages/service/src/tenants/index.ts';
import { withNodeDatabase } from './node-database.ts';
import type { Safelight } from './safelight.ts';

type Node = Pick<Safelight, 'data' | 'url'>;

/** The key that signs a tenant's URLs now. */
export async function urlKeyOf(node: Node, slug: string): Promise<Uint8Array> {
  const [secret] = (await tenantOf(node, slug)).urlSecrets;
  if (!secret) throw new Error(`the tenant ${slug} has no URL key`);
  return secret.export();
}

/** Signs a URL of the tenant's image with its newest key. */
export async function signedUrl(
  node: Node,
  image: string,
  transformation: Transformation,
  options: UrlOptions & { readonly tenant?: string } = {},
): Promise<string> {
  const tenant = options.tenant ?? 'demo';
  const key = await urlKeyOf(node, tenant);
  return signUrl({ baseUrl: node.url, tenant, image, key }, transformation, options);
}

export async function allowUnsigned(node: Node, slug: string, unsigned: UnsignedUrls): Promise<void> {
  const { tenantId } = await tenantOf(node, slug);
  await withNodeDatabase(node, (database) =>
    database.transaction((tx) =>
      changeTenant(tx, systemClock, { tenantId, actor: 'test' }, { unsignedUrls: unsigned }),
    ),
  );
}

async function tenantOf(node: Node, slug: string) {
  const tenant = await withNodeDatabase(node, (database) => findTenant(database, slug));
  if (!tenant) throw new Error(`there is no tenant ${slug}`);
  return tenant;
}
