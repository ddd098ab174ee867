import type { Database } from '../../packages/service/src/db/database.ts';
import { sha256Of } from './digest.ts';
import type { Follow, History, RenderAnswer, ToldEvent } from './history.ts';
import type { Target } from './target.ts';
import type { Verdict } from './verdict.ts';

const AT_ONCE = 6;
const ANSWER_MS_MAX = 30_000;

/** One URL, one picture: asked of every node once more, each answers what it and the others have ever answered. */
export async function checkRenders(target: Target, history: History, verdict: Verdict): Promise<void> {
  const left = [...history.renders];
  const checkNext = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [path, { record, answers }] = next;
      const now = record.deletion === 'none' ? await askAll(target, path, verdict) : [];
      verdict.count('URLs asked of all nodes');
      const different = Map.groupBy([...answers, ...now], ({ etag, sha256 }) => `${etag} ${sha256}`);
      if (different.size > 1)
        verdict.add('duplicated', `${path} was answered with ${[...different.keys()].join(', ')}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, checkNext));
}

async function askAll(target: Target, path: string, verdict: Verdict): Promise<RenderAnswer[]> {
  const asked = target.nodes.map(async (node) => {
    const response = await target.requestAt(node, path, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status === 200)
      return { node: node.data, etag: response.headers.get('etag') ?? '', sha256: sha256Of(body) };
    verdict.add('lost', `${path} is answered ${response.status} by ${node.data}: ${body.toString().slice(0, 200)}`);
    return undefined;
  });
  return (await Promise.all(asked)).filter((answer) => answer !== undefined);
}

/** What followers were told must be the beginning of the log of that image: nothing skipped, repeated or out of order. */
export async function checkFollows(database: Database, history: History, verdict: Verdict): Promise<void> {
  const rows = await database.query<ToldEvent & { readonly image_id: string }>(
    `SELECT image_id, position::int, type, subject FROM events WHERE image_id IS NOT NULL ORDER BY tenant_id, position`,
  );
  const logs = Map.groupBy(rows, ({ image_id }) => image_id);
  for (const follow of history.follows) {
    verdict.count('followers checked');
    const problem = differs(follow, logs.get(follow.imageId) ?? []);
    if (problem !== undefined) verdict.add('event', `a follower of ${follow.imageId} was told ${problem}`);
  }
}

function differs({ told }: Follow, log: readonly ToldEvent[]): string | undefined {
  for (const [index, event] of told.entries()) {
    const logged = log[index];
    if (line(event) !== (logged && line(logged)))
      return `as number ${index + 1} ${line(event)}; the log has ${logged ? line(logged) : 'no more'}`;
  }
  return undefined;
}

function line({ position, type, subject }: ToldEvent): string {
  return `${position} ${type} ${subject}`;
}

/** Positions without a gap, of each tenant and of the whole log, up to where the sealer says that it is. */
export async function checkPositions(database: Database, verdict: Verdict): Promise<void> {
  const broken = await database.query<{ what: string }>(
    `SELECT tenant_id || ' at ' || position AS what FROM (
       SELECT tenant_id, position, position - lag(position, 1, 0) OVER (PARTITION BY tenant_id ORDER BY position) AS step
       FROM events
     ) s WHERE step <> 1
     UNION ALL SELECT 'the log at ' || log_position FROM (
       SELECT log_position, log_position - lag(log_position, 1, 0) OVER (ORDER BY log_position) AS step FROM events
     ) s WHERE step <> 1
     UNION ALL SELECT h.tenant_id || ' whose head is ' || h.position FROM event_heads h
       WHERE h.position <> (SELECT coalesce(max(e.position), 0) FROM events e WHERE e.tenant_id = h.tenant_id)
     UNION ALL SELECT 'the log whose sealer is at ' || log_position FROM sealer_state
       WHERE log_position <> (SELECT coalesce(max(log_position), 0) FROM events)`,
  );
  for (const { what } of broken) verdict.add('event', `a gap: ${what}`);
}

/**
 * A rendition is made once, whoever asks however often wherever: its row, and each event that tells an image of it,
 * tell of the same render, down to the milliseconds that it took.
 */
export async function checkRenderedOnce(database: Database, verdict: Verdict): Promise<void> {
  const rows = await database.query<{ rendition_id: string; what: string }>(
    // The meter is told once, of the first image.
    `SELECT subject AS rendition_id, count(DISTINCT data - 'charge' - 'storedBytes') || ' renders told' AS what
       FROM events WHERE type = 'rendition.ready'
       GROUP BY subject HAVING count(DISTINCT data - 'charge' - 'storedBytes') > 1
     UNION ALL SELECT subject, 'charged ' || count(*) || ' times' FROM events
       WHERE type = 'rendition.ready' AND data ? 'charge' GROUP BY subject HAVING count(*) > 1
     UNION ALL SELECT subject, 'told ' || count(*) || ' times to ' || image_id FROM events
       WHERE type = 'rendition.ready' GROUP BY subject, image_id HAVING count(*) > 1
     UNION ALL SELECT r.rendition_id, 'made in ' || r.render_ms || ' ms, told otherwise' FROM renditions r
       WHERE r.state = 'ready' AND EXISTS (
         SELECT FROM events e WHERE e.subject = r.rendition_id AND e.type = 'rendition.ready'
           AND (e.data->>'renderMs')::real <> r.render_ms::real)`,
  );
  for (const { rendition_id, what } of rows) verdict.add('duplicated', `${rendition_id}: ${what}`);
}

/** Where no node runs, nobody holds a lease. */
export async function checkLeases(database: Database, verdict: Verdict): Promise<void> {
  const held = await database.query<{ what: string }>(
    `SELECT 'the sealer’s' AS what FROM sealer_state WHERE holder IS NOT NULL
     UNION ALL SELECT 'the purger’s' FROM purge_cursors WHERE holder IS NOT NULL
     UNION ALL SELECT 'the role ' || name FROM role_leases WHERE holder IS NOT NULL
     UNION ALL SELECT 'the key ' || idempotency_key FROM idempotency_keys WHERE state = 'running' AND lease_until > now()
     UNION ALL SELECT 'the node ' || node_id FROM nodes
     UNION ALL SELECT 'the job ' || job_id FROM jobs WHERE state = 'leased'`,
  );
  for (const { what } of held) verdict.add('stuck', `a lease that outlived its holder: ${what}`);
}
