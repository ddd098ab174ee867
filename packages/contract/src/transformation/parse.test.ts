import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NAMES } from './grammar.fixture.ts';
import { BOX_PIXELS_MAX, PARAMETERS, type ParameterName } from './parameters.ts';
import { parseTransformation, type TransformationProblem } from './parse.ts';

function problemsOf(query: string | [string, string][]): readonly TransformationProblem[] {
  const result = parseTransformation(new URLSearchParams(query));
  return result.ok ? [] : result.problems;
}

const SIDE = {
  allowed: 'a whole number of pixels from 1 to 16384',
  bad: ['0', '16385', '-1', '1e3', '10.5', '0x10', '99999999999', '1px', '٣'],
};
const PLACE = {
  allowed:
    'one of top,left, top,center, top,right, middle,left, middle,center, middle,right, bottom,left, bottom,center, bottom,right',
  bad: ['top', 'left,top', 'center', 'top,left,'],
};
const COLOUR = {
  allowed: 'a hexadecimal colour: RGB, ARGB, RRGGBB or AARRGGBB',
  bad: ['#fff', 'red', 'ff', 'fffff', 'fffffff', 'fffffffff', 'ggg', 'fff '],
};
const SIGNED = { allowed: 'a whole number from -100 to 100', bad: ['101', '-101', '+1', '1.5', '--1', '-'] };
const SHARE = {
  allowed: 'a number from 0 to 1 with at most three decimals',
  bad: ['1.001', '-0.1', '.5', '0.1234', '1.', '50%'],
};
const PERCENT = { allowed: 'a whole number of percent from 1 to 100', bad: ['0', '101', '50%', '1.5'] };
const GAP = { allowed: 'a whole number of pixels from 0 to 1000', bad: ['-1', '1001', '1.5'] };
const DEGREES = { allowed: 'a whole number of degrees from 0 to 359', bad: ['360', '-90', '1.5'] };
const HUNDRED = { allowed: 'a whole number from 0 to 100', bad: ['101', '-1', '0.5'] };
const FLAG = { allowed: 'true', bad: ['false', '0', 'TRUE', 'yes'] };

/** What each parameter refuses, and what its refusal says. */
const BAD: Readonly<Record<ParameterName, { readonly allowed: string; readonly bad: readonly string[] }>> = {
  w: SIDE,
  h: SIDE,
  fit: { allowed: 'one of clip, crop, fill, fillmax, max, min, scale', bad: ['cover', 'MAX', 'max,crop', 'facearea'] },
  crop: {
    allowed: 'top or bottom and left or right, such as top or top,left; or one of entropy, edges, focalpoint',
    bad: [
      'top,bottom',
      'left,right',
      'top,left,right',
      'entropy,top',
      'top,entropy',
      'faces',
      'top,top',
      'top,',
      ',',
      'center',
    ],
  },
  'fp-x': SHARE,
  'fp-y': SHARE,
  ar: {
    allowed: 'two numbers such as 16:9 or 1.91:1, neither more than 1000 times the other',
    bad: ['16', '16:0', '0:9', '16/9', '16:9:1', '1.9199:1', '1001:1', '1:1000.001', '-1:1', '10000:10000'],
  },
  dpr: { allowed: 'a number from 1 to 5 with at most three decimals', bad: ['0', '0.999', '5.001', '2x', '-1'] },
  rect: {
    allowed:
      'left,top,width,height in pixels of the source as it is shown, left and top from 0 to 65534, width and height from 1 to 65535',
    bad: [
      '0,0,0,1',
      '0,0,1,0',
      '0,0,1',
      '0,0,1,1,1',
      '65535,0,1,1',
      '0,0,65536,1',
      '-1,0,1,1',
      '0,0,1,1.5',
      'a,b,c,d',
      '0 ,0,1,1',
    ],
  },
  orient: { allowed: 'a whole number from 1 to 8', bad: ['0', '9', '90'] },
  trim: { allowed: 'auto', bad: ['color', 'true', 'AUTO'] },
  'trim-tol': { allowed: 'a whole number from 1 to 255', bad: ['0', '256'] },
  flip: { allowed: 'one of h, v, hv', bad: ['vh', 'hh', 'horizontal', 'true'] },
  rot: DEGREES,
  pad: GAP,
  bg: COLOUR,
  'border-radius': {
    allowed: 'max, or a whole number of pixels from 1 to 16384',
    bad: ['0', 'MAX', '50%', '1,2,3,4', '16385'],
  },
  page: { allowed: 'a whole number from 1 to 1000', bad: ['0', '1001', 'all', '-1'] },
  fm: { allowed: 'one of jpg, png, webp, avif, gif, tiff', bad: ['bmp', 'JPG', 'svg', 'heic', 'pdf', 'auto'] },
  q: { allowed: 'auto, or a whole number from 1 to 100', bad: ['0', '101', 'AUTO', '-1', '80.5', 'high'] },
  lossless: FLAG,
  chromasub: { allowed: 'one of 420, 444', bad: ['422', '4:2:0'] },
  icc: { allowed: 'one of srgb, p3', bad: ['adobe', 'P3', 'none'] },
  meta: { allowed: 'one of none, copyright', bad: ['all', 'exif'] },
  bri: SIGNED,
  con: SIGNED,
  gam: SIGNED,
  sat: SIGNED,
  hue: DEGREES,
  invert: FLAG,
  sepia: HUNDRED,
  monochrome: COLOUR,
  blur: { allowed: 'a whole number from 0 to 200', bad: ['201', '-1', '0.3'] },
  sharp: HUNDRED,
  mark: {
    allowed: 'the id of an image of the same tenant',
    bad: [
      'https://example.com/a.png',
      'img_',
      `img_${'0'.repeat(25)}`,
      `img_${'i'.repeat(26)}`,
      `IMG_${'0'.repeat(26)}`,
      '../secret',
    ],
  },
  'mark-align': PLACE,
  'mark-scale': PERCENT,
  'mark-pad': GAP,
  'mark-alpha': PERCENT,
  txt: {
    allowed: 'a line of 1 to 256 characters without control characters, one of them visible',
    bad: [
      'two\nlines',
      'a\0b',
      '\u2028',
      'a\u2029b',
      '\uFFFF',
      '   ',
      '\u0301',
      'x'.repeat(257),
      '\u0958'.repeat(129),
      '😀'.repeat(257),
    ],
  },
  'txt-align': PLACE,
  'txt-size': { allowed: 'a whole number of pixels from 4 to 512', bad: ['3', '513'] },
  'txt-color': COLOUR,
  'txt-pad': GAP,
};

describe('a bad value', () => {
  it.each(NAMES)('of %s is refused with what is allowed', (name) => {
    for (const text of ['', ' ', '\0', ...BAD[name].bad, 'x'.repeat(100_000), '1'.repeat(100_000)]) {
      expect([text, problemsOf([[name, text]])]).toEqual([text, [{ parameter: name, allowed: BAD[name].allowed }]]);
    }
  });

  it.each(NAMES.filter((name) => name !== 'txt'))(
    'of %s is not mended: encoded twice, or with something around',
    (name) => {
      const parameter = { parameter: name, allowed: BAD[name].allowed };
      for (const text of [
        '%2531',
        '1%00',
        '1%0A',
        '%201',
        'auto%20',
        'true%0D',
        '１',
        'ｔｏｐ',
        'constructor',
        '__proto__',
      ]) {
        expect([text, problemsOf(`${name}=${text}`)]).toEqual([text, [parameter]]);
      }
    },
  );

  it('is never an exception, whatever the text', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), fc.string({ unit: 'binary', maxLength: 30 }), (name, text) => {
        const result = parseTransformation([[name, text]]);
        if (!result.ok) expect(result.problems).toEqual([{ parameter: name, allowed: PARAMETERS[name].allowed }]);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is named with the other bad ones, one by one', () => {
    expect(problemsOf('fit=cover&fm=bmp&w=10&orient=9').map(({ parameter }) => parameter)).toEqual([
      'fit',
      'fm',
      'orient',
    ]);
  });
});

describe('a bad parameter', () => {
  const allowed = `a parameter among ${NAMES.join(', ')}`;

  it.each(['width', 'W', 'constructor', '__proto__', 'hasOwnProperty', 'toString', '', ' w', 'w[]', 'ｗ'])(
    'is refused when it is unknown: %j',
    (parameter) => {
      expect(problemsOf([[parameter, '10']])).toEqual([{ parameter, allowed }]);
    },
  );

  it('is cut where its name is long', () => {
    expect(problemsOf([['n'.repeat(100_000), '1']])).toEqual([{ parameter: `${'n'.repeat(64)}…`, allowed }]);
    expect(problemsOf([[`${'n'.repeat(63)}😀😀`, '1']])[0]?.parameter.isWellFormed()).toBe(true);
  });

  it.each(NAMES)('is refused when it comes twice, with the same value or another: %s', (name) => {
    const text = FIRST_VALID[name] ?? '1';
    expect(
      problemsOf([
        [name, text],
        [name, text],
      ]),
    ).toEqual([{ parameter: name, allowed: 'once only' }]);
  });

  it('is named at most sixteen times, however many there are', () => {
    expect(problemsOf('a=1&'.repeat(10_000))).toHaveLength(16);
  });

  it('leaves nothing behind on objects', () => {
    problemsOf('__proto__=1&constructor=2&w=3');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

const FIRST_VALID: Partial<Record<ParameterName, string>> = {
  fit: 'max',
  crop: 'top',
  ar: '1:1',
  rect: '0,0,1,1',
  trim: 'auto',
  flip: 'h',
  bg: 'fff',
  fm: 'jpg',
  chromasub: '420',
  icc: 'p3',
  meta: 'none',
  monochrome: 'fff',
  mark: `img_${'0'.repeat(26)}`,
  'mark-align': 'top,left',
  'txt-align': 'top,left',
  'txt-size': '4',
  'txt-color': 'fff',
};

describe('a box that enlarges', () => {
  const allowed = (fit: string) => `with fit=${fit} a box of at most ${BOX_PIXELS_MAX} pixels`;

  it.each(['fill', 'fillmax', 'min', 'scale'])('holds as many pixels as an original may: fit=%s', (fit) => {
    expect(problemsOf(`w=10000&h=10000&fit=${fit}`)).toEqual([]);
    expect(problemsOf(`w=10000&h=10001&fit=${fit}`)).toEqual([{ parameter: 'w', allowed: allowed(fit) }]);
    expect(problemsOf(`w=5001&h=5000&fit=${fit}&dpr=2`)).toEqual([{ parameter: 'w', allowed: allowed(fit) }]);
  });

  it('is counted with the side that its proportions give', () => {
    expect(problemsOf('w=16384&ar=1:1&fit=min')).toEqual([{ parameter: 'w', allowed: allowed('min') }]);
    expect(problemsOf('h=16384&ar=1:1&fit=min')).toEqual([{ parameter: 'h', allowed: allowed('min') }]);
    expect(problemsOf('w=16384&ar=4:1&fit=min')).toEqual([]);
  });

  it('is counted after rounding, so that the canonical form is never refused', () => {
    // 9301.5 × 10750.5 pixels become 9302 × 10751.
    expect(problemsOf('w=6201&h=7167&fit=scale&dpr=1.5')).toEqual([{ parameter: 'w', allowed: allowed('scale') }]);
  });

  it('may be any that does not enlarge', () => {
    expect(problemsOf('w=16384&h=16384&fit=max')).toEqual([]);
    expect(problemsOf('w=16384&h=16384&fit=crop')).toEqual([]);
    expect(problemsOf('w=16384&h=16384')).toEqual([]);
  });
});
