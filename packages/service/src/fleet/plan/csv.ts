import { LANES } from '../../jobs/index.ts';
import { type Arrival, TRACE_DAYS_MAX, type Trace, traceOf } from './trace.ts';

/** A line that cannot be read; the message names it. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

const HEAD = 'at,work_seconds,tenant,lane';
/** As a job's cost is bounded: nothing takes longer than a day. */
const WORK_SECONDS_MAX = 86_400;
/** What a machine of 2 GB holds in memory while it simulates. */
const JOBS_MAX = 5_000_000;

/**
 * Reads a trace of the form `at,work_seconds,tenant,lane`: a first line with these names, then a line for each job, in
 * any order. `at` is in seconds from any origin, or a time of ISO 8601; `tenant` may be empty; `lane` is live, normal or
 * batch, normal when empty.
 * @throws TraceError that names the first line which is not so.
 */
export function parseTrace(name: string, text: string): Trace {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const head = (lines[0] ?? '').replaceAll(/\s/g, '');
  if (head !== HEAD) throw new TraceError(`line 1: the first line must be \`${HEAD}\``);
  const arrivals: Arrival[] = [];
  let [earliest, latest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue;
    const arrival = readLine(line, index + 1);
    arrivals.push(arrival);
    earliest = Math.min(earliest, arrival.atSeconds);
    latest = Math.max(latest, arrival.atSeconds);
    if (arrivals.length > JOBS_MAX) throw new TraceError(`line ${index + 1}: more than ${JOBS_MAX} jobs`);
    if (latest - earliest > TRACE_DAYS_MAX * 86_400) {
      throw new TraceError(`line ${index + 1}: more than ${TRACE_DAYS_MAX} days apart from another job`);
    }
  }
  if (arrivals.length === 0) throw new TraceError('line 2: there is no job');
  return traceOf(name, arrivals, earliest);
}

function readLine(line: string, number: number): Arrival {
  const cells = line.split(',').map((cell) => cell.trim());
  if (cells.length !== 4) throw new TraceError(`line ${number}: 4 columns are needed, not ${cells.length}`);
  const [at = '', work = '', tenant = '', lane = ''] = cells;
  const atSeconds = readTime(at);
  if (atSeconds === undefined) {
    throw new TraceError(`line ${number}: at must be seconds or a time such as 2026-01-31T12:00:00Z, not \`${at}\``);
  }
  const workSeconds = work === '' ? Number.NaN : Number(work);
  if (!(workSeconds > 0 && workSeconds <= WORK_SECONDS_MAX)) {
    throw new TraceError(`line ${number}: work_seconds must be more than 0 and at most 86400, not \`${work}\``);
  }
  const known = LANES.find((one) => one === (lane === '' ? 'normal' : lane));
  if (!known) throw new TraceError(`line ${number}: lane must be one of ${LANES.join(', ')}, not \`${lane}\``);
  return { atSeconds, workSeconds, tenant, lane: known };
}

/** Without a zone, a time is of UTC: a trace must not mean something else on another machine. */
function readTime(text: string): number | undefined {
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return Number(text);
  const [, time, zone] =
    /^(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?)(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? [];
  if (time === undefined) return undefined;
  const ms = Date.parse(`${time.replace(' ', 'T')}${time.length > 10 ? (zone ?? 'Z') : ''}`);
  return Number.isNaN(ms) ? undefined : ms / 1_000;
}
