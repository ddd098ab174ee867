import { describe, expect, it } from 'vitest';
import { parseTrace, TraceError } from './csv.ts';

const HEAD = 'at,work_seconds,tenant,lane';

describe('a trace from a file', () => {
  it('is read in any order, with seconds or times, and counts from its first job', () => {
    const trace = parseTrace('a.csv', `${HEAD}\r\n12.5,0.5,acme,live\n10,0.25,,\n\n`);
    expect([...trace.at]).toEqual([0, 2.5]);
    expect([...trace.workSeconds]).toEqual([0.25, 0.5]);
    expect([...trace.lane]).toEqual([1, 0]);
    expect(trace.tenants).toEqual(['', 'acme']);
    const times = ['2026-01-31T12:00:00Z', '2026-01-31 12:00:01', '2026-01-31T13:00:02+01:00'];
    const dated = parseTrace('b.csv', [HEAD, ...times.map((at) => `${at},1,a,batch`)].join('\n'));
    expect([...dated.at]).toEqual([0, 1, 2]);
  });

  it.each([
    ['', 'line 1: the first line must be'],
    ['0,1,a,live', 'line 1: the first line must be'],
    [HEAD, 'line 2: there is no job'],
    [`${HEAD}\n0,1,a`, 'line 2: 4 columns are needed, not 3'],
    [`${HEAD}\n0,1,a,live\nsoon,1,a,live`, 'line 3: at must be seconds or a time'],
    [`${HEAD}\n2026-13-40,1,a,live`, 'line 2: at must be'],
    [`${HEAD}\n\n0,,a,live`, 'line 3: work_seconds must be more than 0'],
    [`${HEAD}\n0,0,a,live`, 'line 2: work_seconds must be more than 0'],
    [`${HEAD}\n0,Infinity,a,live`, 'line 2: work_seconds'],
    [`${HEAD}\n0,1,a,urgent`, 'line 2: lane must be one of live, normal, batch, not `urgent`'],
    [`${HEAD}\n0,1,a,live\n2026-01-31,1,a,live`, 'line 3: more than 31 days apart'],
  ])('%j is refused with its line', (text, message) => {
    expect(() => parseTrace('a.csv', text)).toThrow(TraceError);
    expect(() => parseTrace('a.csv', text)).toThrow(message);
  });
});
