import { describe, expect, it } from 'vitest';
import { FlowRates, type FlowSample } from './scaling-flow.ts';

const nothing: Omit<FlowSample, 'atSeconds'> = {
  workSecondsCharged: 0,
  workSecondsChargedBatch: 0,
  workSecondsQueued: 0,
  workSecondsRunning: 0,
  running: 0,
  estimated: false,
};

/** Takes samples every two seconds, and answers the rates after the last. */
function after(seconds: number, sampleAt: (atSeconds: number) => Partial<FlowSample>, rates = new FlowRates()) {
  let last = rates.take({ ...nothing, ...sampleAt(0), atSeconds: 0 });
  for (let at = 2; at <= seconds; at += 2) last = rates.take({ ...nothing, ...sampleAt(at), atSeconds: at });
  return last;
}

describe('the rates of the queue', () => {
  it('are nothing and the prediction’s word before anything was measured', () => {
    expect(after(0, () => ({}))).toEqual({
      workSecondsArriving: 0,
      workSecondsArrivingBatch: 0,
      workSecondsPerSecond: 1,
    });
  });

  it('tell what arrives from what was charged', () => {
    expect(after(30, (at) => ({ workSecondsCharged: 1_000 + 3 * at })).workSecondsArriving).toBeCloseTo(3);
  });

  it('tell what of it nobody waits for', () => {
    const imported = (at: number) => ({ workSecondsCharged: 5 * at, workSecondsChargedBatch: 4 * at });
    const { workSecondsArriving, workSecondsArrivingBatch } = after(30, imported);
    expect(workSecondsArriving - workSecondsArrivingBatch).toBeCloseTo(1);
  });

  it('take no burst of the first seconds for a rate', () => {
    expect(after(2, (at) => ({ workSecondsCharged: 100 * at })).workSecondsArriving).toBe(10);
  });

  it('forget what is older than a minute', () => {
    const burst = (at: number) => ({ workSecondsCharged: at < 10 ? 0 : 600 });
    expect(after(40, burst).workSecondsArriving).toBeGreaterThan(10);
    expect(after(90, burst).workSecondsArriving).toBe(0);
  });

  it('count cancelled work as no arrival', () => {
    expect(after(30, (at) => ({ workSecondsCharged: 100 - at })).workSecondsArriving).toBe(0);
  });

  it('measure how fast workers really are: here half as fast as predicted', () => {
    const slow = (at: number) => ({
      workSecondsCharged: 1_000,
      workSecondsQueued: 1_000 - 2 * at,
      workSecondsRunning: 4,
      running: 4,
    });
    expect(after(60, slow).workSecondsPerSecond).toBeCloseTo(0.5, 1);
  });

  it('do not take one long job for slowness', () => {
    const long = () => ({ workSecondsCharged: 300, workSecondsRunning: 300, running: 1 });
    expect(after(60, long).workSecondsPerSecond).toBe(1);
  });

  it('trust no difference of estimates', () => {
    const guessed = (at: number) => ({ workSecondsQueued: 9_000 - 40 * at, running: 4, estimated: true });
    expect(after(60, guessed).workSecondsPerSecond).toBe(1);
  });
});
