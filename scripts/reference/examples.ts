import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  canonicalTransformation,
  type ParameterName,
  parseTransformation,
  resolveTransformation,
  type Transformation,
} from '../../packages/contract/src/index.ts';
import { BOUNDS_DEFAULT } from '../../packages/service/src/renditions/bounds.ts';
import { ENCODER_VERSION } from '../../packages/service/src/renditions/digest.ts';
import { GENEROUS, WorkerRig } from '../../test/support/worker-rig.ts';
import { lampSvg, SCENE, sceneSvg } from './scene.ts';

const require = createRequire(new URL('../../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;

/** What an example is made of. */
type Source = 'scene' | 'framed' | 'film';

interface Example {
  readonly query: string;
  readonly of?: Source;
}

/** The image that is laid over the others. */
const LAMP = 'img_00000000000000000000000001';

/** What the reference shows of each parameter: it does not compile without one. Without a format, the picture is a WebP. */
export const EXAMPLES: Readonly<Record<ParameterName, Example>> = {
  w: { query: 'w=160' },
  h: { query: 'h=70' },
  fit: { query: 'fit=fill&w=160&h=160&bg=8ab' },
  crop: { query: 'crop=bottom,left&fit=crop&w=160&h=200' },
  'fp-x': { query: 'fp-x=0.24&crop=focalpoint&fit=crop&w=110&h=160' },
  'fp-y': { query: 'fp-y=0.8&crop=focalpoint&fit=crop&w=160&h=60' },
  ar: { query: 'ar=3:1&fit=crop&w=160' },
  dpr: { query: 'dpr=2&w=80' },
  rect: { query: 'rect=130,400,240,160&w=160' },
  orient: { query: 'orient=6&h=160' },
  trim: { query: 'trim=auto&w=160', of: 'framed' },
  'trim-tol': { query: 'trim-tol=60&trim=auto&w=160', of: 'framed' },
  flip: { query: 'flip=h&w=160' },
  rot: { query: 'rot=15&w=130' },
  pad: { query: 'pad=12&bg=8ab&w=136' },
  bg: { query: 'bg=ffb070&rot=15&w=130' },
  'border-radius': { query: 'border-radius=max&fit=crop&w=120&h=120' },
  page: { query: 'page=4&w=160', of: 'film' },
  fm: { query: 'fm=gif&w=160', of: 'film' },
  q: { query: 'q=4&w=160' },
  lossless: { query: 'lossless=true&fm=webp&w=100' },
  chromasub: { query: 'chromasub=444&fm=jpg&w=160' },
  icc: { query: 'icc=p3&w=160' },
  meta: { query: 'meta=copyright&fm=jpg&w=160' },
  bri: { query: 'bri=30&w=160' },
  con: { query: 'con=50&w=160' },
  gam: { query: 'gam=50&w=160' },
  sat: { query: 'sat=-100&w=160' },
  hue: { query: 'hue=120&w=160' },
  invert: { query: 'invert=true&w=160' },
  sepia: { query: 'sepia=80&w=160' },
  monochrome: { query: 'monochrome=8bd&w=160' },
  blur: { query: 'blur=10&w=160' },
  sharp: { query: 'sharp=80&w=160' },
  mark: { query: `mark=${LAMP}&w=160` },
  'mark-align': { query: `mark-align=top,left&mark=${LAMP}&w=160` },
  'mark-scale': { query: `mark-scale=50&mark=${LAMP}&w=160` },
  'mark-pad': { query: `mark-pad=0&mark=${LAMP}&w=160` },
  'mark-alpha': { query: `mark-alpha=40&mark=${LAMP}&w=160` },
  txt: { query: 'txt=Good+evening&txt-size=16&txt-color=fff&w=160' },
  'txt-align': { query: 'txt-align=top,left&txt=Good+evening&txt-size=16&txt-color=fff&w=160' },
  'txt-size': { query: 'txt-size=32&txt=Dusk&txt-color=fff&w=160' },
  'txt-color': { query: 'txt-color=ffd977&txt=Good+evening&txt-size=16&txt-align=top,center&w=160' },
  'txt-pad': { query: 'txt-pad=2&txt=Good+evening&txt-size=16&txt-color=fff&w=160' },
};

const SOURCES: Readonly<Record<Source, () => Promise<Buffer>>> = {
  scene: () => drawn(sceneSvg()).png().toBuffer(),
  framed: () =>
    drawn(sceneSvg()).extend({ top: 90, bottom: 90, left: 130, right: 130, background: '#f4f1ea' }).png().toBuffer(),
  film: async () => {
    const frames = await Promise.all(SUNSET.map((sun) => drawn(sceneSvg(sun)).resize(320).raw().toBuffer()));
    const height = Math.round((SCENE.height * 320) / SCENE.width);
    const raw = { width: 320, height: height * frames.length, channels: 4, pageHeight: height } as const;
    return sharp(Buffer.concat(frames), { raw, animated: true })
      .webp({ delay: frames.map(() => 400), loop: 0, lossless: true })
      .toBuffer();
  },
};

/** Where the sun stands in each frame. */
const SUNSET = [0.3, 0.5, 0.7, 0.9];

function drawn(svg: string) {
  return sharp(Buffer.from(svg)).ensureAlpha();
}

/** What is rendered: the query, resolved, in WebP unless it says otherwise. */
function exampleTransformation({ query }: Example): Transformation {
  const result = parseTransformation(new URLSearchParams(query));
  if (!result.ok) throw new Error(`the example ${query} is refused: ${JSON.stringify(result.problems)}`);
  return resolveTransformation({ fm: 'webp', ...result.transformation });
}

/**
 * The file of a parameter's picture. Its name carries a digest of all that the picture is made by, so that the set of
 * names tells whether the pictures are those of the parameters; encoders' bytes differ by platform and cannot.
 */
export function exampleFile(name: ParameterName): string {
  const example = EXAMPLES[name];
  const transformation = exampleTransformation(example);
  const canonical = canonicalTransformation(transformation);
  const made = [ENCODER_VERSION, example.of ?? 'scene', sceneSvg(), lampSvg(), canonical].join('\n');
  return `${name}-${createHash('sha256').update(made).digest('hex').slice(0, 8)}.${transformation.fm}`;
}

export const EXAMPLE_NAMES = Object.keys(EXAMPLES) as ParameterName[];

/** Every example through a real worker process, by file name. */
export async function renderExamples(): Promise<Map<string, Buffer>> {
  await using rig = await WorkerRig.start();
  const sources = new Map<Source, Buffer>();
  const files = new Map<string, Buffer>();
  for (const name of EXAMPLE_NAMES) {
    const example = EXAMPLES[name];
    const kind = example.of ?? 'scene';
    const source = sources.get(kind) ?? (await SOURCES[kind]());
    sources.set(kind, source);
    files.set(exampleFile(name), await render(rig, source, exampleTransformation(example)));
  }
  return files;
}

async function render(rig: WorkerRig, original: Buffer, transformation: Transformation): Promise<Buffer> {
  const folder = await rig.put(original);
  const lamp = Buffer.from(lampSvg());
  await writeFile(join(rig.worker.scratch.directory, folder, 'mark'), lamp);
  const { failures } = await rig.worker.run(
    {
      id: folder,
      folder,
      source: await rig.facts(original),
      transformations: [transformation],
      bounds: BOUNDS_DEFAULT,
      marks: [{ imageId: LAMP, file: 'mark', source: await rig.facts(lamp) }],
    },
    GENEROUS,
  );
  if (failures[0]) throw new Error(`${canonicalTransformation(transformation)}: ${failures[0].cause.message}`);
  return (await rig.see(folder, 0)).file;
}
