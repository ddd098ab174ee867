import type { Clock } from '../core/clock.ts';
import type { Database, Reads } from '../db/database.ts';
import { promote } from '../jobs/index.ts';
import {
  type LeasedJob,
  orderByUrl,
  type Rendition,
  type RenditionRow,
  type Reservation,
  renditionDigest,
  type SourceFacts,
  toRendition,
  withoutMark,
} from '../renditions/index.ts';
import { selectDeliveries, selectDelivery } from './delivery.sql.ts';
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
  /** Shown to those alone who were given a signed URL or a token. */
  readonly isPrivate: boolean;
  /** Undefined when nobody has asked for it yet. */
  readonly rendition: Rendition | undefined;
}

interface DeliveryRow extends Omit<RenditionRow, 'rendition_id'> {
  readonly rendition_id: string | null;
  /** The image that the rendition shows, where that is gone. */
  readonly mark_gone: string | null;
  readonly deleted_at: Date | null;
  readonly private: boolean;
  readonly created_at: Date;
  readonly image_original_id: string;
  readonly filename: string | null;
  readonly original_object_key: string;
  readonly original_sha256: Uint8Array;
  readonly original_bytes: number;
  readonly original_format: string;
  readonly facts: SourceFacts;
}

interface PlacedRow extends DeliveryRow {
  readonly place: number;
}

/**
 * What stands at a delivery URL: the image's original and, under `transformation`, its rendition. The tenant comes out
 * of a URL that anybody may write, so the look-up sees that tenant's rows alone.
 */
export async function findDelivery(
  database: Pick<Reads, 'asTenant'>,
  tenantId: string,
  imageId: string,
  transformation: string,
): Promise<Lookup<Delivery>> {
  const digest = renditionDigest(transformation);
  const values = [tenantId, imageId, digest];
  const [row] = await database.asTenant(tenantId, (tx) => tx.query<DeliveryRow>(selectDelivery, values));
  return toLookup(row);
}

/** What stands at several URLs of one tenant, in one transaction and in their order. */
export async function findDeliveries(
  database: Pick<Database, 'asTenant'>,
  tenantId: string,
  urls: readonly { readonly imageId: string; readonly transformation: string }[],
): Promise<Lookup<Delivery>[]> {
  const digests = urls.map(({ transformation }) => renditionDigest(transformation));
  const values = [tenantId, urls.map(({ imageId }) => imageId), digests];
  const rows = await database.asTenant(tenantId, (tx) => tx.query<PlacedRow>(selectDeliveries, values));
  const byPlace = new Map(rows.map((row) => [row.place, row]));
  return urls.map((_, index) => toLookup(byPlace.get(index + 1)));
}

function toLookup(row: DeliveryRow | undefined): Lookup<Delivery> {
  if (!row) return { state: 'missing' };
  if (row.deleted_at) return { state: 'gone', ...(row.private && { isPrivate: true }) };
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
      isPrivate: row.private,
      rendition: renditionOf(row),
    },
  };
}

function renditionOf({ rendition_id, mark_gone, ...row }: DeliveryRow): Rendition | undefined {
  if (rendition_id === null) return undefined;
  const rendition = toRendition({ ...row, rendition_id });
  return mark_gone === null ? rendition : withoutMark(rendition, mark_gone);
}

export interface Hurry {
  /** Renditions that one tenant may have pending before another is refused. */
  readonly pendingMax: number;
  /** A worker of this node that is set aside; given a job or given back. */
  readonly reservation?: Reservation | undefined;
}

export interface Hurried {
  /** As it stands after. */
  readonly rendition: Rendition;
  /** Whether a worker of this node has it already: nobody else need be told of it. */
  readonly isRunning: boolean;
}

/**
 * Somebody waits for this rendition: its job moves to the `live` lane; one that was never ordered is, there, and goes to
 * the worker that is set aside for it unless somebody else's turn comes first.
 * @returns undefined when the original is gone meanwhile. @throws PlacesTakenError when too many are pending.
 */
export async function hurryRendition(
  database: Database,
  clock: Clock,
  tenantId: string,
  delivery: Delivery,
  transformation: string,
  { pendingMax, reservation }: Hurry,
): Promise<Hurried | undefined> {
  const { rendition, originalId, source } = delivery;
  let leased: LeasedJob | undefined;
  try {
    const hurried = await database.asTenant(tenantId, async (tx) => {
      if (rendition?.jobId) {
        await promote(tx, tenantId, rendition.jobId);
        return { rendition, leased: undefined };
      }
      const order = { tenantId, originalId, source, transformations: [transformation], lane: 'live' } as const;
      const ordered = await orderByUrl(tx, clock, order, { pendingMax, nodeId: reservation?.nodeId });
      const [first] = ordered?.renditions ?? [];
      return first && { rendition: first, leased: ordered?.leased };
    });
    leased = hurried?.leased;
    return hurried && { rendition: hurried.rendition, isRunning: leased !== undefined };
  } finally {
    // A commit whose answer was lost may have leased the job all the same: its lease runs out.
    if (leased) reservation?.run(leased.job, leased.work);
    else reservation?.release();
  }
}

/**
 * Orders a rendition for which nobody waits, unless it stands already.
 * @param pendingMax renditions for which nobody waits that one tenant may have pending before another is refused
 * @throws PlacesTakenError when too many are pending.
 */
export async function orderForLater(
  database: Database,
  clock: Clock,
  tenantId: string,
  { originalId, source }: Delivery,
  transformation: string,
  pendingMax: number,
): Promise<void> {
  await database.asTenant(tenantId, async (tx) => {
    const order = { tenantId, originalId, source, transformations: [transformation], lane: 'batch' } as const;
    await orderByUrl(tx, clock, order, { pendingMax });
  });
}
