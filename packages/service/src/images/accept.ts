import { PRESETS } from '@safelight/contract';
import type { Clock } from '../core/clock.ts';
import { newId } from '../core/ids.ts';
import { invariant } from '../core/invariant.ts';
import type { Database, Transaction } from '../db/database.ts';
import { recordEvents } from '../events/index.ts';
import { holdOriginal, type Location, locateOriginal } from '../originals/index.ts';
import { type LooksRow, orderRenditions, renditionEvent, type SourceFacts, toLooks } from '../renditions/index.ts';
import { insertImage } from './accept.sql.ts';
import type { Image } from './model.ts';

/** An upload whose bytes are durable in the object store and were probed. */
export interface Upload {
  readonly tenantId: string;
  readonly objectKey: string;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  readonly facts: SourceFacts;
  readonly filename: string | undefined;
  readonly tags: readonly string[];
  readonly actor: string;
  /** Where it came from; kept as a personal field of the event. */
  readonly address: string | undefined;
  readonly traceparent?: string | undefined;
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
  database: Database,
  clock: Clock,
  upload: Upload,
  finish?: (tx: Transaction, image: Image) => Promise<void>,
): Promise<Accepted> {
  return database.asTenant(upload.tenantId, async (tx) => {
    const { tenantId } = upload;
    const { facts, location } = withoutLocation(upload.facts);
    const original = await holdOriginal(tx, { ...upload, ...facts, facts, originalId: newId('original', clock) });
    if (location) await locateOriginal(tx.later, tenantId, original.originalId, location);
    const imageId = newId('image', clock);
    // Neither waits for the other's answer: they travel together.
    const [[row], renditions] = await Promise.all([
      tx.query<{ created_at: Date } & LooksRow>(insertImage, [
        tenantId,
        imageId,
        original.originalId,
        upload.filename ?? null,
        [...new Set(upload.tags)],
      ]),
      orderRenditions(tx, clock, {
        tenantId,
        originalId: original.originalId,
        isNew: original.isNew,
        source: facts,
        transformations: Object.values(PRESETS),
        lane: 'normal',
        traceparent: upload.traceparent,
      }),
    ]);
    invariant(row, 'an inserted image answers its row');
    const image: Image = {
      ...upload,
      ...facts,
      looks: toLooks(row),
      imageId,
      originalId: original.originalId,
      tags: [...new Set(upload.tags)].sort(),
      createdAt: row.created_at,
      renditions,
    };
    await tell(tx.later, clock, upload, image, !original.isNew);
    await finish?.(tx, image);
    return { image, duplicate: !original.isNew };
  });
}

/** Where a picture was taken is stored apart, if at all. */
function withoutLocation(facts: SourceFacts): { facts: SourceFacts; location: Location | undefined } {
  const { location, ...header } = facts.header ?? {};
  return { facts: facts.header ? { ...facts, header } : facts, location };
}

async function tell(tx: Transaction, clock: Clock, upload: Upload, image: Image, duplicate: boolean): Promise<void> {
  const { tenantId, imageId } = image;
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
        renditions: image.renditions.length,
      },
      personal: {
        sha256: Buffer.from(image.sha256).toString('hex'),
        ...(upload.filename !== undefined && { filename: upload.filename }),
        ...(upload.address !== undefined && { address: upload.address }),
      },
    },
    // Renditions that another image of the same bytes has made already: their ends are this image's news as well.
    ...ended.map((rendition) => renditionEvent(tenantId, imageId, rendition)),
  ]);
}
