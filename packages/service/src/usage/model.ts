import type { PlanPrices } from '@safelight/contract';

/** What is summed up as it happens. */
export interface Counters {
  /** Requests that were answered with less than 400. */
  readonly requests: number;
  /** Of their connections, headers included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Renditions that were made, each charged once. */
  readonly renders: number;
  readonly renderCpuMs: number;
  /** Of renditions that were made, all frames. */
  readonly pixels: number;
}

/** What a stretch of time used. */
export interface Usage extends Counters {
  /** Stored bytes, each times the milliseconds for which it was stored. */
  readonly storedByteMs: number;
}

/** The prices that hold from a time on; null: from the beginning. */
export interface PricePeriod {
  readonly from: Date | null;
  readonly prices: PlanPrices;
}

/** One row of {@link Counters} with what came to and went from storage, as the table has it. */
export interface HourRow {
  readonly hour: Date;
  readonly requests: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly renders: number;
  readonly render_cpu_ms: number;
  readonly pixels: number;
  readonly stored_bytes: number;
  readonly stored_byte_ms: number;
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

export const NO_USAGE: Usage = {
  requests: 0,
  bytesIn: 0,
  bytesOut: 0,
  renders: 0,
  renderCpuMs: 0,
  pixels: 0,
  storedByteMs: 0,
};

export function addUsage(a: Usage, b: Usage): Usage {
  return {
    requests: a.requests + b.requests,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    renders: a.renders + b.renders,
    renderCpuMs: a.renderCpuMs + b.renderCpuMs,
    pixels: a.pixels + b.pixels,
    storedByteMs: a.storedByteMs + b.storedByteMs,
  };
}
