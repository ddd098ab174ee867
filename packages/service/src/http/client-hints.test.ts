import { CLIENT_HINTS, type ClientHint } from '@safelight/contract';
import { describe, expect, it } from 'vitest';
import { acceptedHints, applyHints } from './client-hints.ts';

const ALL: ReadonlySet<ClientHint> = new Set(CLIENT_HINTS);

describe('client hints', () => {
  it.each([
    ['160', 160],
    ['161', 240],
    ['1000.5', 1120],
    ['99999', 3840],
  ])('give a width in steps: %s becomes %i', (width, w) => {
    expect(applyHints({ fm: 'jpg' }, ALL, { 'sec-ch-width': width }).transformation).toEqual({ fm: 'jpg', w });
    expect(applyHints({}, ALL, { width }).transformation).toEqual({ w });
  });

  it('leave the width to a URL that gives a side', () => {
    expect(applyHints({ h: 90 }, ALL, { width: '800' }).transformation).toEqual({ h: 90 });
  });

  it.each([
    ['1', 1],
    ['0.75', 1],
    ['1.25', 1.5],
    ['2.625', 3],
    ['40', 5],
  ])('give a density in steps of a half: %s becomes %d', (dpr, step) => {
    expect(applyHints({ w: 100 }, ALL, { 'sec-ch-dpr': dpr }).transformation).toEqual({ w: 100, dpr: step });
  });

  it('multiply no width that is in pixels of the screen already, and no density that the URL gives', () => {
    expect(applyHints({}, ALL, { width: '800', dpr: '2' }).transformation).toEqual({ w: 800 });
    expect(applyHints({ w: 100, dpr: 1 }, ALL, { dpr: '3' }).transformation).toEqual({ w: 100, dpr: 1 });
  });

  it('save data by quality and density, unless the URL gives a quality', () => {
    expect(applyHints({ w: 100 }, ALL, { 'save-data': 'on', dpr: '3' }).transformation).toEqual({ w: 100, q: 45 });
    expect(applyHints({ q: 90 }, ALL, { 'save-data': 'On' }).transformation).toEqual({ q: 90 });
    expect(applyHints({ lossless: true }, ALL, { 'save-data': 'on' }).transformation).toEqual({ lossless: true });
  });

  it.each(['', '0', '-1', 'wide', '1e3', '9'.repeat(400), '1, 2'])('that make no sense are none: %s', (value) => {
    const headers = { 'sec-ch-width': value, 'sec-ch-dpr': value, 'save-data': value };
    expect(applyHints({ fm: 'png' }, ALL, headers).transformation).toEqual({ fm: 'png' });
  });

  it('count only when they are asked for', () => {
    const hinted = applyHints({ w: 9 }, new Set(['save-data']), { dpr: '3', width: '80', 'save-data': 'off' });
    expect(hinted).toEqual({ transformation: { w: 9 }, vary: ['Save-Data'] });
    expect(acceptedHints(new Set(['width', 'save-data']))).toBe('Sec-CH-Width, Save-Data');
  });
});
