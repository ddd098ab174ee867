import { describe, expect, it } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { FreshOutputs } from './fresh-outputs.ts';

describe('an output that this node has just stored', () => {
  it('is given to the first who reads it, and to nobody after', () => {
    const outputs = new FreshOutputs(systemClock);
    const bytes = Buffer.from('a picture');
    outputs.put('ten_a/rendition/1', bytes);
    expect(outputs.take('ten_a/rendition/2')).toBeUndefined();
    expect(outputs.take('ten_a/rendition/1')).toBe(bytes);
    expect(outputs.take('ten_a/rendition/1')).toBeUndefined();
  });

  it('is not held when it is long, or for long', () => {
    let nowMs = 1;
    const outputs = new FreshOutputs({ monotonic: () => nowMs });
    outputs.put('long', Buffer.alloc(256 * 1024 + 1));
    outputs.put('whole', Buffer.alloc(256 * 1024));
    expect(outputs.take('long')).toBeUndefined();
    nowMs += 5_001;
    expect(outputs.take('whole')).toBeUndefined();
  });

  it('makes room for those that come after', () => {
    const outputs = new FreshOutputs(systemClock);
    const names = Array.from({ length: 80 }, (_, at) => `${at}`);
    for (const name of names) outputs.put(name, Buffer.alloc(256 * 1024));
    expect(names.filter((name) => outputs.take(name))).toEqual(names.slice(-64));
  });
});
