import { verifyLog } from '../../packages/service/src/compose/tools.ts';
import type { Database } from '../../packages/service/src/db/database.ts';
import { PRESET_NAMES } from './history.ts';
import type { Retried } from './settle.ts';
import type { Target } from './target.ts';
import type { Verdict } from './verdict.ts';

interface EventRow {
  readonly image_id: string;
  readonly type: string;
  readonly subject: string;
  readonly preset: string | null;
}

/**
 * Every image tells of its acceptance once, of its deletion once if it was deleted, and of the end of each preset's
 * rendition once; a failure comes on top only for a rendition that was retried, and before its success.
 */
export async function checkEvents(database: Database, retried: Retried, verdict: Verdict): Promise<void> {
  const images = await database.query<{ image_id: string; deleted: boolean }>(
    'SELECT image_id, deleted_at IS NOT NULL AS deleted FROM images',
  );
  const rows = await database.query<EventRow>(
    `SELECT image_id, type, subject, data->>'preset' AS preset FROM events
     WHERE image_id IS NOT NULL ORDER BY tenant_id, position`,
  );
  const byImage = Map.groupBy(rows, ({ image_id }) => image_id);
  for (const { image_id, deleted } of images) {
    const told = byImage.get(image_id) ?? [];
    byImage.delete(image_id);
    verdict.count('histories checked');
    const problem = judge(told, deleted, retried);
    if (problem) verdict.add('event', `${image_id}: ${problem}`);
  }
  for (const imageId of byImage.keys()) verdict.add('event', `${imageId} has events and no row`);
}

/** The chain and its signatures, as `safelight audit verify` looks at them. */
export async function checkChain(subject: Target, verdict: Verdict): Promise<void> {
  const report = await verifyLog(subject.config, undefined);
  verdict.count('events verified', report.events);
  for (const { kind, logPosition, detail } of report.findings)
    verdict.add('event', `${kind} at ${logPosition}: ${detail}`);
}

function judge(told: readonly EventRow[], deleted: boolean, retried: Retried): string | undefined {
  const times = (type: string) => told.filter((event) => event.type === type).length;
  if (times('image.accepted') !== 1) return `${times('image.accepted')} acceptances`;
  if (told[0]?.type !== 'image.accepted') return `it begins with ${told[0]?.type}`;
  if (times('image.deleted') !== (deleted ? 1 : 0)) return `${times('image.deleted')} deletions`;
  for (const preset of PRESET_NAMES) {
    const ends = told.filter((event) => event.preset === preset);
    const line = ends.map(({ type }) => type.replace('rendition.', '')).join(' ');
    const again = Math.max(0, ...ends.map(({ subject }) => retried.get(subject) ?? 0));
    const failures = ends.filter(({ type }) => type === 'rendition.failed').length;
    // The rows of a deleted image's renditions are gone, and with them how often they were retried.
    const isWhole = deleted ? /^(failed ?)*(ready)?$/.test(line) : /^(failed )*ready$/.test(line) && failures <= again;
    if (!isWhole) return `${preset} ended as: ${line || 'nothing'}`;
  }
  return undefined;
}
