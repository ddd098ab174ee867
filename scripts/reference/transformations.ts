import {
  BOX_PIXELS_MAX,
  canonicalTransformation,
  DELIVERY_PARAMETERS,
  ORIGINAL_PRESET,
  PARAMETERS,
  type ParameterName,
  PRESETS,
  parseTransformation,
  QUALITY_DEFAULTS,
  SIDE_MAX,
  TRANSFORMATION_ALIASES,
} from '../../packages/contract/src/index.ts';
import { EXAMPLES, exampleFile } from './examples.ts';
import { code, page, table } from './markdown.ts';

/** The folder of the pictures, beside the document. */
export const PICTURES_FOLDER = 'pictures';

const GROUPS = {
  geometry: 'Geometry',
  output: 'Output',
  adjustment: 'Adjustments',
  overlay: 'Overlays',
} as const satisfies Record<(typeof PARAMETERS)[ParameterName]['group'], string>;

/** The grammar of transformations, with a picture of each parameter. */
export function renderTransformations(): string {
  return page(
    'Transformations',
    'packages/contract/src/transformation.ts',
    'What may be asked of an original, as query parameters: `/i/{tenant}/{image}?w=800&fm=webp`. Names and meanings are those that the field knows from imgix, with the exceptions below. The pictures are made by the engine, of one drawing; where the query names no format, as WebP. Each parameter may come once; a value that is not allowed is answered with 400 and what would be, never mended.',
    ...Object.entries(GROUPS).flatMap(([group, title]) => [`## ${title}`, parameterTable(group)]),
    '## Besides the transformation',
    'What a URL may say beside it; none of it is part of the canonical form.',
    table(
      ['parameter', 'what it does', 'allowed'],
      Object.entries(DELIVERY_PARAMETERS).map(([name, { about, allowed }]) => [code(name), about, allowed]),
    ),
    ...boxes(),
    ...canonicalForm(),
    '## Presets',
    'Every tenant has these.',
    table(
      ['preset', 'transformation'],
      [
        ...Object.entries(PRESETS).map(([name, text]) => [code(name), code(text)]),
        [code(ORIGINAL_PRESET), 'the uploaded bytes'],
      ],
    ),
  );
}

function parameterTable(group: string): string {
  const names = (Object.keys(PARAMETERS) as ParameterName[]).filter((name) => PARAMETERS[name].group === group);
  return table(
    ['parameter', 'what it does', 'allowed', 'left out', 'example'],
    names.map((name) => {
      const { about, allowed, otherwise } = PARAMETERS[name];
      return [code(name), about, allowed, otherwise ?? '', example(name)];
    }),
  );
}

function example(name: ParameterName): string {
  const { query } = EXAMPLES[name];
  return `![${query}](${PICTURES_FOLDER}/${exampleFile(name)})<br>${code(query)}`;
}

function boxes(): string[] {
  return [
    '## Boxes',
    [
      `- A side has at most ${SIDE_MAX} pixels. Where \`dpr\` or \`ar\` make one longer, it is brought to that, and the other with it.`,
      `- A box that may enlarge (\`fit\` of \`fill\`, \`fillmax\`, \`min\` or \`scale\`) has at most ${BOX_PIXELS_MAX} pixels; above, the answer is 400.`,
      '- With one side only there is nothing to cut off or to fill up: `crop` and `fillmax` are then `max`, `fill` and `min` are `scale`, which follows the proportions of the picture.',
      '- With `ar` and no side, `fit=crop` keeps the largest part of the picture that has these proportions.',
      '- As in imgix, `fit=crop` and `crop` belong together: without `fit=crop` or `fit=min` nothing is cut. Unlike there, nothing but `fill`, `min` and `scale` ever enlarges: `crop` does not, `min` does, and without `fit` it is `max`, not `clip`, which is another name for it here.',
    ].join('\n'),
  ];
}

/** Pairs that show the rules; their right side is computed. */
const SHOWN = [
  'w=0100&h=100',
  'fm=jpeg&dpr=2&w=400',
  'w=320&ar=16:9&fit=crop&crop=left,top',
  'w=320&crop=top&pad=0&bri=0',
  'fm=png&q=30&lossless=true',
  'fm=webp&q=30&lossless=1',
  'bg=FA0&rot=45',
] as const;

function canonicalForm(): string[] {
  return [
    '## Canonical form',
    [
      'Two queries that ask for the same are one rendition: it is made once, stored once and paid once. What is compared is the canonical form, by these rules:',
      '',
      '- sorted by name, numbers without leading zeros, colours in lower case as RRGGBB or AARRGGBB, proportions without a common divisor, `top` and `bottom` before `left` and `right`;',
      '- `dpr` multiplied into what it multiplies, `ar` turned into the side that is missing, rounded to pixels;',
      '- defaults written out where they depend on another parameter (`fit` with a box, `q` with a format, what belongs to `trim`, `mark` and `txt`), left out where they are nothing (`rot=0`, `blur=0`, `icc=srgb`);',
      '- without what has no effect: parts of `crop`, `fp-*`, `trim-*`, `mark-*` and `txt-*` without what they belong to, `q`, `lossless` and `chromasub` where the format knows none, `q` and `chromasub` beside `lossless`, `ar` beside both sides or without a fit that cuts. They are no errors, since tools that build URLs send them always.',
    ].join('\n'),
    table(
      ['asked', 'canonical'],
      SHOWN.map((query) => [code(query), code(canonicalOf(query))]),
    ),
    'Other names for the same value:',
    table(
      ['written', 'means'],
      Object.entries(TRANSFORMATION_ALIASES).map(([written, value]) => [
        code(written),
        code(`${written.split('=')[0]}=${value}`),
      ]),
    ),
    'Quality where none is asked for:',
    table(
      ['format', 'quality'],
      Object.entries(QUALITY_DEFAULTS).map(([format, quality]) => [code(format), String(quality)]),
    ),
  ];
}

function canonicalOf(query: string): string {
  const result = parseTransformation(new URLSearchParams(query));
  if (!result.ok) throw new Error(`${query} is refused: ${JSON.stringify(result.problems)}`);
  return canonicalTransformation(result.transformation);
}
