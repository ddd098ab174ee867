import { LANES, type Lane } from '../../jobs/index.ts';

/** A scaler decides every two seconds, and a simulation of a month shall end. */
export const TRACE_DAYS_MAX = 31;

/** What comes in, in order of time: columns, because there may be millions. */
export interface Trace {
  readonly name: string;
  readonly seconds: number;
  /** Seconds from the start, ascending. */
  readonly at: Float64Array;
  /** Of one worker. */
  readonly workSeconds: Float64Array;
  /** Index into `tenants`. */
  readonly tenant: Int32Array;
  /** Index into LANES. */
  readonly lane: Uint8Array;
  readonly tenants: readonly string[];
  /** Machines that vanish without a word, and do not come back by themselves. */
  readonly loss?: { readonly atSeconds: number; readonly share: number };
}

export interface Arrival {
  readonly atSeconds: number;
  readonly workSeconds: number;
  readonly tenant: string;
  readonly lane: Lane;
}

/** Sorts arrivals and counts their time from `startSeconds`. @param seconds absent: until the last arrival. */
export function traceOf(name: string, arrivals: readonly Arrival[], startSeconds: number, seconds?: number): Trace {
  const sorted = [...arrivals].sort((a, b) => a.atSeconds - b.atSeconds);
  const tenants = new Map<string, number>();
  for (const { tenant } of sorted) if (!tenants.has(tenant)) tenants.set(tenant, tenants.size);
  return {
    name,
    seconds: seconds ?? (sorted.at(-1)?.atSeconds ?? startSeconds) - startSeconds,
    at: Float64Array.from(sorted, ({ atSeconds }) => atSeconds - startSeconds),
    workSeconds: Float64Array.from(sorted, ({ workSeconds }) => workSeconds),
    tenant: Int32Array.from(sorted, ({ tenant }) => tenants.get(tenant) ?? 0),
    lane: Uint8Array.from(sorted, ({ lane }) => LANES.indexOf(lane)),
    tenants: [...tenants.keys()],
  };
}
