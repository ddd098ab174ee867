import type { Clock } from '../core/clock.ts';
import type { Database } from '../db/database.ts';
import { promote } from '../jobs/index.ts';
import { lockOriginal } from '../originals/index.ts';
import {
  orderRenditions,
  type Rendition,
  type RenditionRow,
  renditionDigest,
  type SourceFacts,
  toRendition,
} from '../renditions/index.ts';
import { selectDelivery } from './delivery.sql.ts';
import type { Lookup } from './read.ts';

export interface Delivery {
  readonly originalId: string;
  readonly original: {
    readonly objectKey: string;
    readonly sha256: Uint8Array;
    readonly bytes: number;
    readonly format: string;
    readonly filename: string | undefined;
  };
  readonly source: SourceFacts;
  readonly createdAt: Date;
  /** Undefined when nobody has asked for it yet. */
  readonly rendition: Rendition | undefined;
}

interface DeliveryRow extends Omit<RenditionRow, 'rendition_id'> {
  readonly rendition_id: string | null;
  readonly deleted_at: Date | null;
  readonly created_at: Date;
  readonly image_original_id: string;
  readonly filename: string | null;
  readonly original_object_key: string;
  readonly original_sha256: Uint8Array;
  readonly original_bytes: number;
  readonly original_format: string;
  readonly facts: SourceFacts;
}

/**
 * What stands at a delivery URL: the image's original and, under `transformation`, its rendition. The tenant comes out
 * of a URL that anybody may write, so the look-up sees that tenant's rows alone.
 */
export async function findDelivery(
  database: Pick<Database, 'asTenant'>,
  tenantId: string,
  imageId: string,
  transformation: string,
): Promise<Lookup<Delivery>> {
  const digest = renditionDigest(transformation);
  const values = [tenantId, imageId, digest];
  const [row] = await database.asTenant(tenantId, (tx) => tx.query<DeliveryRow>(selectDelivery, values));
  if (!row) return { state: 'missing' };
  if (row.deleted_at) return { state: 'gone' };
  const { rendition_id } = row;
  return {
    state: 'found',
    value: {
      originalId: row.image_original_id,
      original: {
        objectKey: row.original_object_key,
        sha256: row.original_sha256,
        bytes: row.original_bytes,
        format: row.original_format,
        filename: row.filename ?? undefined,
      },
      source: row.facts,
      createdAt: row.created_at,
      rendition: rendition_id === null ? undefined : toRendition({ ...row, rendition_id }),
    },
  };
}

/**
 * Somebody waits for this rendition: its job moves to the `live` lane; one that was never ordered is, there.
 * @returns the rendition as it stands after, or undefined when the original is gone meanwhile.
 */
export async function hurryRendition(
  database: Database,
  clock: Clock,
  tenantId: string,
  delivery: Delivery,
  transformation: string,
): Promise<Rendition | undefined> {
  return database.asTenant(tenantId, async (tx) => {
    const { rendition, originalId, source } = delivery;
    if (rendition?.jobId) {
      await promote(tx, tenantId, rendition.jobId);
      return rendition;
    }
    if (!(await lockOriginal(tx, tenantId, originalId, 'change'))) return undefined;
    const [ordered] = await orderRenditions(tx, clock, {
      tenantId,
      originalId,
      source,
      transformations: [transformation],
      lane: 'live',
    });
    return ordered;
  });
}
