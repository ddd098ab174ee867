import { describe, expect, it } from 'vitest';
import { canonicalTransformation } from './canonical.ts';
import { NAMES } from './grammar.fixture.ts';
import type { ParameterName } from './parameters.ts';
import { parseTransformation } from './parse.ts';

const MARK = 'img_0123456789abcdefghjkmnpqrs';
const MARKED = `mark=${MARK}&mark-align=bottom,right&mark-alpha=100&mark-pad=10&mark-scale=25`;
const WRITTEN = 'txt=a&txt-align=bottom,right&txt-color=000000&txt-pad=10&txt-size=24';

/** Queries and the text of each, by the parameter that the row is about. */
const GOLDEN: Readonly<Record<ParameterName, readonly (readonly [query: string, canonical: string])[]>> = {
  w: [
    ['w=800', 'fit=max&w=800'],
    ['w=0800', 'fit=max&w=800'],
  ],
  h: [['h=600', 'fit=max&h=600']],
  fit: [
    ['fit=max', ''],
    ['fit=fill', ''],
    ['w=10&h=20&fit=clip', 'fit=max&h=20&w=10'],
    ['w=10&h=20&fit=crop', 'fit=crop&h=20&w=10'],
    ['w=10&h=20&fit=fill', 'fit=fill&h=20&w=10'],
    ['w=10&h=20&fit=fillmax', 'fit=fillmax&h=20&w=10'],
    ['w=10&h=20&fit=min', 'fit=min&h=20&w=10'],
    ['w=10&h=20&fit=scale', 'fit=scale&h=20&w=10'],
    // With one side there is nothing to cut off or to fill up.
    ['w=10&fit=crop', 'fit=max&w=10'],
    ['w=10&fit=fillmax', 'fit=max&w=10'],
    ['h=10&fit=min', 'fit=scale&h=10'],
    ['h=10&fit=fill', 'fit=scale&h=10'],
    ['h=10&fit=scale', 'fit=scale&h=10'],
  ],
  crop: [
    ['w=10&h=20&fit=crop&crop=left,top', 'crop=top,left&fit=crop&h=20&w=10'],
    ['w=10&h=20&fit=min&crop=entropy', 'crop=entropy&fit=min&h=20&w=10'],
    ['w=10&h=20&fit=crop&crop=focalpoint', 'fit=crop&h=20&w=10'],
    ['w=10&h=20&crop=entropy', 'fit=max&h=20&w=10'],
    ['w=10&fit=crop&crop=top', 'fit=max&w=10'],
    ['fit=crop&ar=1:1&crop=top', 'ar=1:1&crop=top&fit=crop'],
    ['crop=top', ''],
  ],
  'fp-x': [
    ['w=10&h=20&fit=crop&crop=focalpoint&fp-x=0.250', 'crop=focalpoint&fit=crop&fp-x=0.25&fp-y=0.5&h=20&w=10'],
    ['w=10&h=20&fit=crop&crop=top&fp-x=0.25', 'crop=top&fit=crop&h=20&w=10'],
    ['w=10&h=20&fit=crop&fp-x=0.25', 'fit=crop&h=20&w=10'],
  ],
  'fp-y': [['w=10&h=20&fit=crop&crop=focalpoint&fp-y=1', 'crop=focalpoint&fit=crop&fp-x=0.5&fp-y=1&h=20&w=10']],
  ar: [
    ['ar=16:9', ''],
    ['w=160&ar=16:9', 'fit=max&w=160'],
    ['w=160&ar=32:18&fit=crop', 'fit=crop&h=90&w=160'],
    ['h=100&ar=1.91:1&fit=min', 'fit=min&h=100&w=191'],
    ['w=160&h=10&ar=16:9&fit=crop', 'fit=crop&h=10&w=160'],
    ['fit=crop&ar=4.5:3', 'ar=3:2&fit=crop'],
    ['fit=min&ar=10.001:3', 'ar=10.001:3&fit=crop'],
  ],
  dpr: [
    ['dpr=2', ''],
    ['dpr=1.0&w=10', 'fit=max&w=10'],
    ['dpr=2&w=10&h=20', 'fit=max&h=40&w=20'],
    ['dpr=1.5&w=3&pad=1&border-radius=5', 'border-radius=8&fit=max&pad=2&w=5'],
    ['dpr=2&w=100&ar=3:2&fit=crop', 'fit=crop&h=133&w=200'],
    ['dpr=2&w=16384&h=8192', 'fit=max&h=8192&w=16384'],
    ['dpr=5&pad=999&border-radius=16000', 'border-radius=16384&pad=1000'],
    ['dpr=2&txt=a', 'txt=a&txt-align=bottom,right&txt-color=000000&txt-pad=20&txt-size=48'],
  ],
  rect: [['rect=00,1,020,3', 'rect=0,1,20,3']],
  orient: [['orient=1', 'orient=1']],
  trim: [['trim=auto', 'trim=auto&trim-tol=10']],
  'trim-tol': [
    ['trim-tol=20', ''],
    ['trim=auto&trim-tol=020', 'trim=auto&trim-tol=20'],
  ],
  flip: [['flip=hv', 'flip=hv']],
  rot: [
    ['rot=0', ''],
    ['rot=090', 'rot=90'],
  ],
  pad: [
    ['pad=0', ''],
    ['pad=7', 'pad=7'],
  ],
  bg: [
    ['bg=FA0', 'bg=ffaa00'],
    ['bg=ffaa00', 'bg=ffaa00'],
    ['bg=8fa0', 'bg=88ffaa00'],
    ['bg=80ffAA00', 'bg=80ffaa00'],
  ],
  'border-radius': [
    ['border-radius=max', 'border-radius=max'],
    ['border-radius=012', 'border-radius=12'],
    ['border-radius=max&dpr=2', 'border-radius=max'],
  ],
  page: [['page=1', 'page=1']],
  fm: [
    ['fm=jpeg', 'fm=jpg&q=80'],
    ['fm=jpg', 'fm=jpg&q=80'],
    ['fm=tif', 'fm=tiff'],
    ['fm=webp', 'fm=webp&q=80'],
    ['fm=avif', 'fm=avif&q=67'],
    ['fm=png', 'fm=png'],
    ['fm=gif', 'fm=gif'],
  ],
  q: [
    ['q=80', 'q=80'],
    ['fm=jpg&q=80', 'fm=jpg&q=80'],
    ['fm=jpg&q=auto', 'fm=jpg&q=auto'],
    ['fm=png&q=30', 'fm=png'],
    ['fm=gif&q=auto', 'fm=gif'],
  ],
  lossless: [
    ['lossless=1', 'lossless=true'],
    ['lossless=true&q=50', 'lossless=true&q=50'],
    ['lossless=true&fm=webp&q=50', 'fm=webp&lossless=true'],
    ['lossless=true&fm=avif&chromasub=444', 'fm=avif&lossless=true'],
    ['lossless=true&fm=jpg', 'fm=jpg&q=80'],
    ['lossless=true&fm=png', 'fm=png'],
  ],
  chromasub: [
    ['chromasub=420', ''],
    ['chromasub=444', 'chromasub=444'],
    ['chromasub=444&fm=avif', 'chromasub=444&fm=avif&q=67'],
    ['chromasub=444&fm=webp', 'fm=webp&q=80'],
  ],
  icc: [
    ['icc=srgb', ''],
    ['icc=p3', 'icc=p3'],
  ],
  meta: [
    ['meta=none', ''],
    ['meta=copyright', 'meta=copyright'],
  ],
  bri: [
    ['bri=-0', ''],
    ['bri=-010', 'bri=-10'],
  ],
  con: [
    ['con=0', ''],
    ['con=100', 'con=100'],
  ],
  gam: [
    ['gam=0', ''],
    ['gam=-100', 'gam=-100'],
  ],
  sat: [
    ['sat=0', ''],
    ['sat=-100', 'sat=-100'],
  ],
  hue: [
    ['hue=0', ''],
    ['hue=359', 'hue=359'],
  ],
  invert: [['invert=1', 'invert=true']],
  sepia: [
    ['sepia=0', ''],
    ['sepia=50', 'sepia=50'],
  ],
  monochrome: [
    ['monochrome=00ff0000', ''],
    ['monochrome=00f', 'monochrome=0000ff'],
  ],
  blur: [
    ['blur=0', ''],
    ['blur=200', 'blur=200'],
  ],
  sharp: [
    ['sharp=0', ''],
    ['sharp=1', 'sharp=1'],
  ],
  mark: [[`mark=${MARK}`, MARKED]],
  'mark-align': [
    ['mark-align=top,left', ''],
    [`mark=${MARK}&mark-align=top,left`, MARKED.replace('bottom,right', 'top,left')],
  ],
  'mark-scale': [[`mark=${MARK}&mark-scale=100`, MARKED.replace('scale=25', 'scale=100')]],
  'mark-pad': [[`mark=${MARK}&mark-pad=0`, MARKED.replace('pad=10', 'pad=0')]],
  'mark-alpha': [[`mark=${MARK}&mark-alpha=1`, MARKED.replace('alpha=100', 'alpha=1')]],
  txt: [
    ['txt=a', WRITTEN],
    ['txt=a%20b%2Bc%26d', WRITTEN.replace('txt=a', 'txt=a+b%2Bc%26d')],
    ['txt=e%CC%81', WRITTEN.replace('txt=a', 'txt=%C3%A9')],
    ['txt=%2541', WRITTEN.replace('txt=a', 'txt=%2541')],
  ],
  'txt-align': [
    ['txt-align=top,left', ''],
    ['txt=a&txt-align=top,center', WRITTEN.replace('bottom,right', 'top,center')],
  ],
  'txt-size': [['txt=a&txt-size=012', WRITTEN.replace('size=24', 'size=12')]],
  'txt-color': [['txt=a&txt-color=8FFF', WRITTEN.replace('000000', '88ffffff')]],
  'txt-pad': [['txt=a&txt-pad=0', WRITTEN.replace('pad=10', 'pad=0')]],
};

describe('the canonical form', () => {
  it.each(NAMES.flatMap((name) => GOLDEN[name]))('of `%s` is `%s`', (query, canonical) => {
    const result = parseTransformation(new URLSearchParams(query));
    expect(result.ok && canonicalTransformation(result.transformation)).toBe(canonical);
  });

  it('is sorted by name', () => {
    const result = parseTransformation(new URLSearchParams('w=1&rot=2&h=3&bri=4&fm=png&fit=crop'));
    expect(result.ok && canonicalTransformation(result.transformation)).toBe('bri=4&fit=crop&fm=png&h=3&rot=2&w=1');
  });
});
