import { open } from 'node:fs/promises';
import {
  type ArchiveEnd,
  type ArchiveManifest,
  checkArchive,
  exportTenant,
  FORMAT,
  FORMAT_VERSION,
  type Imported,
  importImages,
} from '../backup/index.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { invariant } from '../core/invariant.ts';
import type { Database } from '../db/database.ts';
import { keepLocations } from '../originals/index.ts';
import { listPresets, putPreset } from '../presets/index.ts';
import {
  addTenant,
  findTenant,
  onUpload,
  type Tenant,
  TenantRefusedError,
  UnknownPlanError,
} from '../tenants/index.ts';
import { readVersion } from '../version.ts';
import { holdRemovals } from './held-removals.ts';
import { claimObjects } from './installation.ts';
import { openObjectStore } from './object-store.ts';
import { tenantNamed, withDatabase } from './tools.ts';

const ACTOR = 'operator';

/** Writes what a tenant has into an archive, while nodes run or not. @throws UnknownTenantError, OriginalDamagedError. */
export function exportTenantTo(config: Config, slug: string, path: string): Promise<ArchiveEnd> {
  return withDatabase(config, async (database) => {
    const store = await openObjectStore(config);
    await claimObjects(database, store);
    const tenant = await tenantNamed(database, slug);
    const manifest = await manifestOf(database, tenant);
    return exportTenant({ database, store, clock: systemClock }, tenant.tenantId, manifest, path);
  });
}

/** No secret: keys, URL keys, webhooks and people are made anew where it is imported. */
async function manifestOf(database: Database, tenant: Tenant): Promise<ArchiveManifest> {
  const { tenantId: id, slug: name, displayName, plan, unsignedUrls, iiif, keepsLocation, settings } = tenant;
  const own = (await listPresets(database, id)).filter(({ changedAt }) => changedAt !== undefined);
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    safelight: readVersion(),
    exportedAt: new Date(systemClock.now()).toISOString(),
    tenant: {
      ...{ id, name, ...(displayName !== undefined && { displayName }) },
      ...{ plan: plan.name, unsignedUrls, iiif, keepsLocation, settings },
    },
    presets: own.map(({ name, transformation, onUpload }) => ({ name, transformation, onUpload })),
  };
}

export interface ImportedTenant extends Imported {
  readonly name: string;
  /** Of a tenant that was made for it: its first key, shown this once. */
  readonly key: string | undefined;
}

/**
 * Makes a tenant of an archive, or adds the images to one that is there. Nothing is touched before the whole archive was
 * read and found sound. @throws ArchiveDamagedError, TenantRefusedError.
 */
export async function importTenantFrom(
  config: Config,
  path: string,
  options: { readonly slug?: string | undefined; readonly onRenamed: (from: string, to: string) => void },
): Promise<ImportedTenant> {
  const file = await open(path, 'r');
  try {
    const { manifest } = await checkArchive(file);
    return await withDatabase(config, async (database) => {
      const store = holdRemovals(await openObjectStore(config), database);
      await claimObjects(database, store);
      const name = options.slug ?? manifest.tenant.name;
      const key = (await findTenant(database, name)) ? undefined : await makeTenant(database, name, manifest);
      const { tenantId, status, presets } = await tenantNamed(database, name);
      if (status !== 'active') throw new TenantRefusedError(`the tenant ${name} is ${status}`);
      const request = { tenantId, transformations: onUpload(presets), onRenamed: options.onRenamed };
      const imported = await importImages({ database, store, clock: systemClock }, file, request);
      return { name, key, ...imported };
    });
  } finally {
    await file.close();
  }
}

/** A plan that this installation does not have is left to the operator: until then it is the built-in one. */
async function makeTenant(database: Database, slug: string, manifest: ArchiveManifest): Promise<string> {
  const { displayName, plan, unsignedUrls, iiif, settings, keepsLocation } = manifest.tenant;
  const wishes = { slug, actor: ACTOR, displayName, unsignedUrls, iiif, settings };
  const make = (plan: string | undefined) =>
    database.transaction(async (tx) => {
      const made = await addTenant(tx, systemClock, { ...wishes, plan });
      if (keepsLocation) await keepLocations(tx, systemClock, made.tenantId, true);
      for (const { name, ...wish } of manifest.presets) {
        await putPreset(tx, systemClock, { tenantId: made.tenantId, actor: ACTOR, name }, wish);
      }
      return made.key;
    });
  const key = await make(plan).catch((error: unknown) => {
    if (!(error instanceof UnknownPlanError)) throw error;
    return make(undefined);
  });
  invariant(key, 'a tenant is made with a key');
  return key;
}
