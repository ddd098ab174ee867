import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import type { Database, Transaction } from '../db/database.ts';
import { recordEvents } from '../events/index.ts';
import { holdOriginal, type Location, locateOriginal } from '../originals/index.ts';
import { type LooksRow, orderRenditions, renditionEvent, type SourceFacts, toLooks } from '../renditions/index.ts';
import { BUILT_IN_PRESETS, onUpload, TenantNotActiveError, type TenantPresets } from '../tenants/index.ts';
import { claimStorage } from '../usage/index.ts';
import { insertImage } from './accept.sql.ts';
import type { Image } from './model.ts';

/** An upload whose bytes are durable in the object store and were probed. */
export interface Upload {
  readonly tenantId: string;
  readonly objectKey: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  readonly facts: SourceFacts;
  /** Of its tenant; absent: the built-in ones. */
  readonly presets?: TenantPresets;
  readonly filename: string | undefined;
  /** Of an image that comes out of an archive: what it was there, and that nobody waits for it. */
  readonly archived?: { readonly imageId: string; readonly createdAt: Date } | undefined;
  /** Absent: shown to everybody. */
  readonly isPrivate?: boolean | undefined;
  readonly tags: readonly string[];
  readonly actor: string;
  /** Where it came from; kept as a personal field of the event. */
  readonly address: string | undefined;
  readonly traceparent?: string | undefined;
  /** What the tenant may have stored in all; null or absent: anything. */
  readonly storedBytesMax?: number | null | undefined;
}

export interface Accepted {
  readonly image: Image;
  /** True when the tenant had the same bytes: the upload's own object is referenced by nothing. */
  readonly duplicate: boolean;
}

/**
 * The acceptance: original, image, renditions, job and event in one transaction. When it has committed, nothing that
 * was promised can be lost.
 * @param finish is called last inside the transaction with what was accepted, such as to keep an answer with it.
 */
export async function acceptImage(
  database: Pick<Database, 'asTenant'>,
  clock: Clock,
  upload: Upload,
  finish?: (tx: Transaction, image: Image) => Promise<void>,
): Promise<Accepted> {
  return database.asTenant(upload.tenantId, async (tx) => {
    const { tenantId, isPrivate = false, presets = BUILT_IN_PRESETS } = upload;
    const { facts, location } = withoutLocation(upload.facts);
    const original = await holdOriginal(tx, { ...upload, ...facts, facts, originalId: newId('original', clock) });
    if (location) await locateOriginal(tx.later, tenantId, original.originalId, location);
    const imageId = upload.archived?.imageId ?? newId('image', clock);
    // Neither waits for the other's answer: they travel together.
    const [[row], renditions] = await Promise.all([
      tx.query<{ created_at: Date } & LooksRow>(insertImage, [
        tenantId,
        imageId,
        original.originalId,
        upload.filename ?? null,
        [...new Set(upload.tags)],
        isPrivate,
        upload.archived?.createdAt ?? null,
      ]),
      orderRenditions(tx, clock, {
        tenantId,
        originalId: original.originalId,
        isNew: original.isNew,
        source: facts,
        transformations: onUpload(presets),
        lane: upload.archived ? 'batch' : 'normal',
        traceparent: upload.traceparent,
      }),
    ]);
    if (!row) throw new TenantNotActiveError();
    // Late, for the tenant's other uploads wait from here to the commit.
    if (original.isNew && upload.storedBytesMax != null) await claimStorage(tx, facts.bytes, upload.storedBytesMax);
    const image: Image = {
      ...upload,
      ...facts,
      looks: toLooks(row),
      imageId,
      isPrivate,
      originalId: original.originalId,
      tags: [...new Set(upload.tags)].sort(),
      createdAt: row.created_at,
      renditions,
    };
    await tell(tx.later, clock, { ...upload, presets }, image, !original.isNew);
    await finish?.(tx, image);
    return { image, duplicate: !original.isNew };
  });
}

/** Where a picture was taken is stored apart, if at all. */
function withoutLocation(facts: SourceFacts): { facts: SourceFacts; location: Location | undefined } {
  const { location, ...header } = facts.header ?? {};
  return { facts: facts.header ? { ...facts, header } : facts, location };
}

async function tell(
  tx: Transaction,
  clock: Clock,
  upload: Upload & { readonly presets: TenantPresets },
  image: Image,
  duplicate: boolean,
): Promise<void> {
  const { tenantId, imageId } = image;
  const { presets } = upload;
  const ended = image.renditions.filter((rendition) => rendition.state !== 'pending');
  await recordEvents(tx, clock, [
    {
      tenantId,
      imageId,
      subject: imageId,
      type: 'image.accepted',
      actor: upload.actor,
      data: {
        originalId: image.originalId,
        bytes: image.bytes,
        format: image.format,
        width: image.width,
        height: image.height,
        frames: image.frames,
        duplicate,
        ...(image.isPrivate && { visibility: 'private' as const }),
        renditions: image.renditions.length,
        ...(!duplicate && { storedBytes: image.bytes }),
      },
      personal: {
        sha256: Buffer.from(image.sha256).toString('hex'),
        ...(upload.filename !== undefined && { filename: upload.filename }),
        ...(upload.address !== undefined && { address: upload.address }),
      },
    },
    // Renditions that another image of the same bytes has made already: their ends are this image's news as well.
    ...ended.map((rendition) => renditionEvent({ tenantId, imageId, presets }, rendition)),
  ]);
}
