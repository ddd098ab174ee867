import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeOf } from '../../packages/service/src/drivers/fs-object-store/layout.ts';
import { checkLeases } from './check-agreement.ts';
import { checkRemains } from './check-remains.ts';
import { sendUpload } from './clients.ts';
import { sha256Of } from './digest.ts';
import { History, imageIdOf, type RenderAnswer, type ToldEvent, type UploadRecord } from './history.ts';
import { Pictures } from './pictures.ts';
import { Random } from './random.ts';
import { judgeRunning } from './run.ts';
import { Subject } from './subject.ts';
import { withTampered } from './tamper.fixture.ts';
import { type Fault, Verdict } from './verdict.ts';

/** The checker of the chaos run, shown a Safelight on which each promise has been broken by hand. */
describe('the checker', () => {
  let subject: Subject;
  let pictures: Pictures;
  const history = new History();

  beforeAll(async () => {
    pictures = await Pictures.make(new Random(1));
    // What lies in the store is what is looked at, not what a node remembers of it.
    const env = { SAFELIGHT_WAIT_SECONDS: '2', SAFELIGHT_LOG_LEVEL: 'error', SAFELIGHT_DELIVERY_CACHE_BYTES: '0' };
    subject = await Subject.start({ env });
    await upload('first.jpg');
    await upload('second.jpg');
    await upload('keyed.jpg', 'key-1');
    const deleted = await upload('deleted.jpg');
    await subject.request(`/v1/images/${imageIdOf(deleted)}`, { method: 'DELETE' });
    deleted.deletion = 'acknowledged';
    await judgeRunning(subject, history, new Verdict());
  }, 120_000);

  afterAll(() => subject.close());

  test('finds nothing where nothing is broken', async () => {
    expect(await faults()).toEqual([]);
  });

  test('sees a flipped byte of a stored original', async () => {
    const path = pathOf(await keyOf('originals'));
    const bytes = await readFile(path);
    const flipped = Buffer.from(bytes);
    flipped[700] = (flipped[700] ?? 0) ^ 1;
    await replaced(path, flipped, async () => expect(await faults()).toContain('altered'));
  });

  test('sees a truncated rendition', async () => {
    const path = pathOf(await keyOf('renditions'));
    const bytes = await readFile(path);
    await replaced(path, bytes.subarray(0, bytes.length - 40), async () => {
      const { violations } = await look();
      expect(violations.map(({ fault }) => fault)).toContain('altered');
      // A client is told at once, and does not wait for bytes that never come.
      expect(violations.map(({ what }) => what)).toContainEqual(expect.stringMatching(/answers 500$/));
    });
  });

  test('sees an object that is gone', async () => {
    const path = pathOf(await keyOf('originals'));
    await rename(path, away());
    const seen = await faults();
    await rename(away(), path);
    expect(seen).toContain('lost');
  });

  test('sees an object that belongs to no row, and counts the ones that a janitor would sweep', async () => {
    const stray = pathOf((await keyOf('originals')).replace(/[^/]+$/, 'obj_nobodys'));
    await mkdir(dirname(stray), { recursive: true });
    await writeFile(stray, 'nobody');
    const verdict = await look();
    expect(verdict.counts.get('unreferenced objects swept')).toBe(1);
    expect(verdict.violations).toEqual([]);
    await writeFile(stray, 'nobody');
    // As if the sweep had passed it by.
    await utimes(stray, new Date(), new Date(Date.now() + 3_600_000));
    expect(await faults()).toContain('orphan');
    await rm(stray);
  });

  test.each<[string, string[], string, Fault[]]>([
    ['a row that is gone', ['images'], `DELETE FROM images WHERE filename = 'first.jpg'`, ['lost', 'orphan', 'event']],
    ['an image that got another one’s original', ['images'], swapped(), ['altered', 'orphan']],
    ['a rendition that stays pending', ['renditions'], pending(), ['stuck']],
    ['a rendition that failed for no good reason', ['renditions'], failed(), ['failed']],
    [
      'an event that is gone',
      ['events'],
      `DELETE FROM events WHERE type = 'rendition.ready' AND position = ${lastReady()}`,
      ['event'],
    ],
    ['an event that was told twice', ['events'], toldTwice(), ['event', 'duplicated']],
    ['a rendition that was made once more', ['events'], madeAgain(), ['event', 'duplicated']],
    [
      'an image that nobody sent',
      ['images'],
      `UPDATE images SET filename = 'x.jpg' WHERE filename = 'first.jpg'`,
      ['orphan'],
    ],
  ])('sees %s', async (_, tables, sql, expected) => {
    const objects = join(subject.data, 'objects', 'objects');
    // What no row names while the rows are tampered with is swept by the look, and put back after.
    await cp(objects, `${subject.data}-kept`, { recursive: true });
    const seen = await withTampered(subject, tables, sql, () => faults());
    await cp(`${subject.data}-kept`, objects, { recursive: true, force: false });
    await rm(`${subject.data}-kept`, { recursive: true });
    expect(seen).toEqual(expect.arrayContaining(expected));
    // A node may tell for a few seconds what it knew.
    await expect.poll(() => faults()).toEqual([]);
  });

  test('sees an upload that was acknowledged and never happened', async () => {
    const [first] = history.uploads;
    const invented = { ...first, name: 'invented.jpg', imageIds: new Set(['img_00000000000000000000000000']) };
    expect(await faults((seen) => seen.uploads.push({ ...invented, urls: invented.urls } as UploadRecord))).toContain(
      'lost',
    );
  });

  test('sees that a key made two images', async () => {
    const keyed = history.uploads.find(({ key }) => key !== undefined);
    const [other] = history.uploads;
    const twice = { ...keyed, imageIds: new Set(other?.imageIds) } as UploadRecord;
    expect(await faults((seen) => seen.uploads.push(twice))).toContain('duplicated');
  });

  test('sees a URL that was answered with two pictures', async () => {
    const [record] = history.uploads;
    const path = record?.urls?.small;
    if (!record || path === undefined) throw new Error('the first upload was acknowledged');
    const response = await subject.request(path);
    const sha256 = sha256Of(Buffer.from(await response.arrayBuffer()));
    const answer = { node: 'one', etag: response.headers.get('etag') ?? '', sha256 };
    const answered = (other: Partial<RenderAnswer>) => (seen: History) =>
      seen.rendered(record, path, { ...answer, ...other });
    expect(await faults(answered({}))).toEqual([]);
    expect(await faults(answered({ sha256: sha256Of(Buffer.of(1)) }))).toEqual(['duplicated']);
    expect(await faults(answered({ etag: '"another"' }))).toEqual(['duplicated']);
  });

  test('sees a follower to whom an event was told late, twice or never', async () => {
    const [first] = history.uploads;
    const imageId = first ? imageIdOf(first) : '';
    const log = await subject.withDatabase((database) =>
      database.query<ToldEvent>(
        'SELECT position::int, type, subject FROM events WHERE image_id = $1 ORDER BY position',
        [imageId],
      ),
    );
    const told = (events: readonly ToldEvent[]) => (seen: History) => seen.follows.push({ imageId, told: [...events] });
    expect(log.length).toBe(4);
    expect(await faults(told(log))).toEqual([]);
    expect(await faults(told(log.slice(0, 2)))).toEqual([]);
    expect(await faults(told(log.toSpliced(1, 1)))).toEqual(['event']);
    expect(await faults(told(log.toSpliced(1, 0, ...log.slice(0, 1))))).toEqual(['event']);
    expect(await faults(told(log.toReversed()))).toEqual(['event']);
    expect(await faults(told([...log, ...log.slice(-1)]))).toEqual(['event']);
  });

  test('sees a lease that somebody holds', async () => {
    const verdict = new Verdict();
    await subject.withDatabase((database) => checkLeases(database, verdict));
    expect(verdict.violations.map(({ what }) => what)).toContain('a lease that outlived its holder: the sealer’s');
  });

  test('sees that one name became two images', async () => {
    await upload('first.jpg');
    expect(await faults()).toContain('duplicated');
  });

  test('sees a deletion that was undone', async () => {
    // The node keeps in memory what it has delivered, so this comes last.
    expect(await withTampered(subject, ['images'], undeleted(), () => faults())).toEqual(
      expect.arrayContaining(['undead', 'event']),
    );
  });

  test('sees a process and files that are left behind', async () => {
    await subject.stop();
    const verdict = new Verdict();
    await checkRemains(subject.data, verdict);
    expect(verdict.violations).toEqual([]);
    const stray = spawn('sleep', ['60'], { cwd: subject.data });
    await once(stray, 'spawn');
    await writeFile(join(subject.data, 'objects', 'staging', 'left'), '');
    await writeFile(join(subject.data, 'scratch', 'left'), '');
    await checkRemains(subject.data, verdict);
    stray.kill('SIGKILL');
    expect(verdict.violations.map(({ what }) => what)).toEqual([
      `process ${stray.pid} still has to do with ${subject.data}`,
      'scratch/left',
      'objects/staging/left',
    ]);
  });

  async function upload(name: string, key?: string): Promise<UploadRecord> {
    const record = history.begin(name, pictures.distinct(), key);
    await sendUpload(subject, history, record);
    return record;
  }

  /** @param change what the clients know besides. */
  async function look(change?: (seen: History) => unknown): Promise<Verdict> {
    const seen = history.snapshot();
    change?.(seen);
    const verdict = new Verdict();
    await judgeRunning(subject, seen, verdict, { quietMsMax: 3_000 });
    return verdict;
  }

  async function faults(change?: (seen: History) => unknown): Promise<Fault[]> {
    return (await look(change)).violations.map(({ fault }) => fault);
  }

  async function keyOf(table: 'originals' | 'renditions'): Promise<string> {
    const [row] = await subject.withDatabase((database) =>
      database.query<{ object_key: string }>(`SELECT object_key FROM ${table} ORDER BY object_key LIMIT 1`),
    );
    return row?.object_key ?? '';
  }

  function pathOf(key: string): string {
    return placeOf(join(subject.data, 'objects'), key).path;
  }

  async function replaced(path: string, bytes: Buffer, work: () => Promise<void>): Promise<void> {
    await rename(path, away());
    await writeFile(path, bytes);
    try {
      await work();
    } finally {
      await rename(away(), path);
    }
  }

  /** Not among the objects, where the sweep takes what has the place of its name. */
  function away(): string {
    return `${subject.data}-away`;
  }
});

function swapped(): string {
  return `UPDATE images SET original_id = (SELECT original_id FROM images WHERE filename = 'second.jpg')
          WHERE filename = 'first.jpg'`;
}

function firstRendition(): string {
  return `rendition_id = (SELECT min(rendition_id) FROM renditions)`;
}

function pending(): string {
  return `UPDATE renditions SET state = 'pending', object_key = NULL, job_id = 'job_gone' WHERE ${firstRendition()}`;
}

function failed(): string {
  return `UPDATE renditions SET state = 'failed', object_key = NULL, cause_code = 'unknown' WHERE ${firstRendition()}`;
}

function undeleted(): string {
  return `UPDATE images SET deleted_at = NULL,
            original_id = (SELECT original_id FROM images WHERE filename = 'second.jpg')
          WHERE deleted_at IS NOT NULL`;
}

function lastReady(): string {
  return `(SELECT max(position) FROM events WHERE type = 'rendition.ready')`;
}

function madeAgain(): string {
  return `UPDATE events SET data = jsonb_set(data, '{renderMs}', '1000000')
          WHERE type = 'rendition.ready' AND position = ${lastReady()}`;
}

function toldTwice(): string {
  return `INSERT INTO events
          SELECT tenant_id, position + 1000, log_position + 1000, event_id, type, subject, image_id, actor, at, data,
            personal, salt, personal_digest, hash, log_hash
          FROM events WHERE type = 'rendition.ready' ORDER BY position DESC LIMIT 1`;
}
