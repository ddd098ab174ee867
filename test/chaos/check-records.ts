import type { Database } from '../../packages/service/src/db/database.ts';
import { type History, imageIdOf } from './history.ts';
import type { Verdict } from './verdict.ts';

interface ImageRow {
  readonly image_id: string;
  readonly filename: string | null;
  readonly sha256: string | null;
}

/** Holds the rows against what the clients know: nothing lacks, nothing is twice, nothing is unended or without an owner. */
export async function checkRecords(database: Database, history: History, verdict: Verdict): Promise<void> {
  const images = await database.query<ImageRow>(
    `SELECT i.image_id, i.filename, encode(o.sha256, 'hex') AS sha256
     FROM images i LEFT JOIN originals o USING (tenant_id, original_id)`,
  );
  const rows = new Map(images.map((row) => [row.image_id, row]));
  for (const record of history.standing()) {
    const row = rows.get(imageIdOf(record));
    if (!row) verdict.add('lost', `${record.name}: there is no row of ${imageIdOf(record)}`);
    else if (row.sha256 !== record.sample.sha256) verdict.add('altered', `${record.name}: the row tells ${row.sha256}`);
  }
  const names = new Set(history.uploads.map(({ name }) => name));
  for (const { image_id, filename } of images) {
    if (filename !== null && !names.has(filename))
      verdict.add('orphan', `${image_id} is ${filename}, which nobody sent`);
  }
  await checkOnce(database, verdict);
  await checkEnded(database, verdict);
}

/** Also of images that were deleted since: the log still tells under which name they came. */
async function checkOnce(database: Database, verdict: Verdict): Promise<void> {
  const twice = await database.query<{ filename: string; images: string[] }>(
    `SELECT personal->>'filename' AS filename, array_agg(image_id) AS images FROM events
     WHERE type = 'image.accepted' GROUP BY 1 HAVING count(DISTINCT image_id) > 1`,
  );
  for (const { filename, images } of twice) verdict.add('duplicated', `${filename} became ${images.join(' and ')}`);
}

async function checkEnded(database: Database, verdict: Verdict): Promise<void> {
  const renditions = await database.query<{ rendition_id: string; state: string; cause_code: string | null }>(
    `SELECT rendition_id, state, cause_code FROM renditions WHERE state <> 'ready'`,
  );
  for (const { rendition_id, state, cause_code } of renditions) {
    verdict.add(state === 'pending' ? 'stuck' : 'failed', `${rendition_id} is ${state} ${cause_code ?? ''}`.trim());
  }
  const jobs = await database.query<{ job_id: string; state: string }>('SELECT job_id, state FROM jobs');
  for (const { job_id, state } of jobs) verdict.add('stuck', `${job_id} is left, ${state}`);
  const originals = await database.query<{ original_id: string }>(
    `SELECT o.original_id FROM originals o
     WHERE NOT EXISTS (SELECT FROM images i WHERE i.tenant_id = o.tenant_id AND i.original_id = o.original_id)`,
  );
  for (const { original_id } of originals) verdict.add('orphan', `${original_id} belongs to no image`);
}
