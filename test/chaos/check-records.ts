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
  const records = new Map(history.uploads.map((record) => [record.name, record]));
  const seen = new Map<string, string>();
  for (const { image_id, filename } of images) {
    // The name of a deleted image is gone with it.
    if (filename === null) continue;
    const record = records.get(filename);
    const other = seen.get(filename) ?? [...(record?.imageIds ?? [])].find((known) => known !== image_id);
    seen.set(filename, image_id);
    if (!record) verdict.add('orphan', `${image_id} is ${filename}, which nobody sent`);
    else if (other !== undefined) verdict.add('duplicated', `${filename} became ${image_id} and ${other}`);
  }
  await checkEnded(database, verdict);
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
