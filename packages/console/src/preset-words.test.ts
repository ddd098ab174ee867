import { type Image, PRESETS, type Preset } from '@safelight/contract';
import { SafelightError } from '@safelight/sdk';
import { describe, expect, it, test } from 'vitest';
import { BUILT_IN, faultOf, isUnderWay, kindOf, presetFacts, progressText, sampleOf } from './preset-words.ts';

const NONE = { version: 1, total: 0, done: 0, failed: 0, pending: 0 };
const hero: Preset = {
  ...{ name: 'hero', version: 2, transformation: 'fit=max&w=200', onUpload: true },
  ...{ changedAt: '2026-11-22T13:00:00.000Z', progress: NONE },
};
const small: Preset = { ...hero, name: 'small', transformation: PRESETS.small };

/** A picture of which `hero` is in this state; undefined: it was not asked for yet. */
function picture(state?: 'pending' | 'ready' | 'failed'): Image {
  const rendition = { id: 'ren_1', preset: 'hero', transformation: '', url: 'https://example.org/made' };
  const urls = { hero: 'https://example.org/asked' };
  return { urls, renditions: state ? [{ ...rendition, state }] : [] } as unknown as Image;
}

test('the page knows what is built in as the service does', () => expect(BUILT_IN).toEqual(PRESETS));

test('a preset tells whose it is, and since when', () => {
  expect(kindOf(hero)).toBe('your own');
  expect(kindOf(small)).toBe('built in');
  expect(kindOf({ ...small, transformation: 'fit=max&w=50' })).toBe('built in, changed');
  expect(kindOf({ ...small, onUpload: false })).toBe('built in, changed');
  expect(presetFacts(hero)).toMatch(/^version 2 · of each upload · since .*2026/);
  const { changedAt: _, ...first } = small;
  expect(presetFacts({ ...first, onUpload: false })).toBe('version 2 · when asked for · from the beginning');
});

test.each([
  [{}, undefined],
  [{ total: 1, pending: 1 }, '0 of 1 picture made anew'],
  [{ total: 3000, done: 2000, pending: 999, failed: 1 }, '2,000 of 3,000 pictures made anew, 1 kept as it was'],
  [{ total: 3, done: 1, failed: 2 }, '1 of 3 pictures made anew, 2 kept as they were'],
])('progress of %j is told as "%s"', (counts, text) => expect(progressText({ ...NONE, ...counts })).toBe(text));

describe('a sample', () => {
  it('is the rendition once it is made, and what makes it where nobody has asked yet', () => {
    expect(sampleOf(hero, picture('ready'))).toMatchObject({ url: 'https://example.org/made' });
    expect(sampleOf(hero, picture())).toMatchObject({ url: 'https://example.org/asked' });
    expect(sampleOf(hero, picture('pending'))).toBe('coming');
    expect(sampleOf({ ...hero, progress: { ...NONE, total: 1, pending: 1 } }, picture())).toBe('coming');
  });

  it('is none of a picture that could not be made, of one that knows no such preset, and of no picture', () => {
    expect(sampleOf(hero, picture('failed'))).toBe('none');
    expect(sampleOf(small, picture())).toBe('none');
    expect(sampleOf(hero, undefined)).toBe('none');
  });

  it('or a pass that has not ended is a reason to look again', () => {
    expect(isUnderWay([hero], picture('ready'))).toBe(false);
    expect(isUnderWay([hero], picture('pending'))).toBe(true);
    expect(isUnderWay([{ ...hero, progress: { ...NONE, total: 1, pending: 1 } }], undefined)).toBe(true);
  });
});

test('a refusal stands at the field that it is about, in the words of the API', () => {
  const refused = (code: 'request_invalid' | 'limit_reached' | 'tenant_suspended', detail?: string, limit?: number) =>
    faultOf(
      new SafelightError({
        ...{ code, title: 'There are as many as may be.', status: 400, detail },
        ...(limit !== undefined && { bound: { name: 'presetsMax', limit } }),
      }),
    );
  expect(refused('request_invalid', 'w: takes 1 to 16384.')).toEqual({
    field: 'transformation',
    text: 'w: takes 1 to 16384.',
  });
  expect(refused('request_invalid', 'name: is not original.')).toEqual({
    field: 'name',
    text: 'name: is not original.',
  });
  expect(refused('limit_reached', undefined, 32)).toEqual({
    field: 'name',
    text: 'There are as many as may be. The bound presetsMax is 32.',
  });
  expect(refused('tenant_suspended').field).toBeUndefined();
  expect(faultOf(new Error('broken'))).toEqual({ field: undefined, text: 'Something went wrong in this page.' });
});
