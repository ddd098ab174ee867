import { type Image, PARAMETERS, type ParameterName, parseTransformation, problemSchema } from '@safelight/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withSignature } from '../../packages/service/src/http/signature.ts';
import { photo } from '../../scripts/make-pictures.ts';
import { Random } from '../chaos/random.ts';
import { expectImage, sendImage } from '../support/answers.ts';
import { unlike } from '../support/pictures.ts';
import { getAll, type PipelinedAnswer } from '../support/pipelined.ts';

import { Safelight } from '../support/safelight.ts';
import { urlKeyOf } from '../support/url-keys.ts';

const URLS = 100_000;
/** Of pictures that exist: each is rendered. */
const RENDERED = 200;
const PICTURES = 4;
const CONNECTIONS = 8;
const SEED = 20_260_101;

/** Texts that mean something to some parameter, or to none. */
const TEXTS = [
  ...[
    '0',
    '1',
    '2',
    '7',
    '10',
    '42',
    '50',
    '64',
    '80',
    '100',
    '101',
    '150',
    '255',
    '256',
    '359',
    '360',
    '1000',
    '1001',
  ],
  ...[
    '16384',
    '16385',
    '65535',
    '100000',
    '99999999999',
    '-0',
    '-1',
    '-100',
    '-101',
    '0.5',
    '.5',
    '1.',
    '0.123',
    '0.1234',
  ],
  ...[
    '5',
    '5.001',
    '1e2',
    '0x10',
    '+1',
    ' 1',
    '1 ',
    '١',
    'NaN',
    'Infinity',
    'null',
    'undefined',
    'true',
    'false',
    'on',
  ],
  ...['16:9', '1.91:1', '1:0', '0:1', '9999:1', '1:1:1', '0,0,10,10', '0,0,0,10', '5,5,20,30', '1,2,3', '70000,0,1,1'],
  ...['top', 'left,top', 'top,bottom', 'top,left,', 'entropy', 'edges', 'focalpoint', 'middle,center', 'bottom,right'],
  ...[
    'fff',
    'ABCD',
    '00ff00',
    '80FF0000',
    'gggggg',
    'fffff',
    '#fff',
    'h',
    'v',
    'hv',
    'auto',
    'max',
    'srgb',
    'p3',
    '420',
  ],
  ...['444', 'jpg', 'jpeg', 'png', 'webp', 'avif', 'gif', 'tif', 'tiff', 'bmp', 'svg', 'none', 'copyright', 'all', ''],
  ...['clip', 'crop', 'fill', 'fillmax', 'min', 'scale', 'Max', 'stretch', `img_${'0'.repeat(26)}`, 'img_x', '../../x'],
  ...['Hello, world', 'Grüße', '🎉', 'a\u0000b', 'a\r\nb', '<script>', "'; DROP TABLE images; --", 'x'.repeat(300)],
];
const NAMES = Object.keys(PARAMETERS) as ParameterName[];
const fits = (name: ParameterName, value: string) => parseTransformation([[name, value]]).ok;
const GOOD = new Map(NAMES.map((name) => [name, TEXTS.filter((value) => fits(name, value))]));
const BAD = new Map(NAMES.map((name) => [name, TEXTS.filter((value) => !fits(name, value))]));
const SIZES = ['1', '7', '10', '42', '50', '64', '80', '100'];
const JUNK = '%&=?+;,:@!$\'()*~^|\\"<>{}[]`azAZ09-_.';
/** A path that cannot be decoded ends its connection. */
const PATH_JUNK = `/${JUNK.replaceAll('%', '')}`;

let node: Safelight;
let images: Image[];
let key: Uint8Array;

beforeAll(async () => {
  node = await Safelight.start({ env: { SAFELIGHT_WORKERS: '1' } });
  const tiny = await photo(64, 48).jpeg().toBuffer();
  const send = async () => expectImage(await sendImage(node, unlike(tiny), '?wait=30'));
  images = await Promise.all(Array.from({ length: PICTURES }, send));
  key = await urlKeyOf(node, 'demo');
});
afterAll(() => node.close());

interface Case {
  readonly path: string;
  readonly statuses: readonly number[];
  /** The parameter that a 400 must name. */
  readonly names?: string;
}

const below = (random: Random, count: number) => Math.floor(random.next() * count);
function pick<T>(random: Random, list: readonly T[]): T {
  const picked = random.pick(list);
  if (picked === undefined) throw new Error('there is nothing to pick from');
  return picked;
}
const some = <T>(random: Random, list: readonly T[], count: number) => random.shuffled(list).slice(0, count);
const text = (random: Random, letters: string, length: number) =>
  Array.from({ length }, () => pick(random, [...letters])).join('');

const encode = (value: string) => encodeURIComponent(value.toWellFormed());
const pair = (name: string, value: string) => `${name}=${encode(value)}`;
const sign = (path: string) => withSignature(key, path);

/** Parameters that are good each by itself. */
function goodPairs(random: Random, count: number, isSmall = false): [ParameterName, string][] {
  return some(random, NAMES, count).flatMap((name) => {
    const texts = isSmall && (name === 'w' || name === 'h') ? SIZES : (GOOD.get(name) ?? []);
    return texts.length > 0 ? [[name, pick(random, texts)]] : [];
  });
}

const query = (pairs: readonly (readonly [string, string])[]) =>
  pairs.map(([name, value]) => pair(name, value)).join('&');

/** Ways to write a URL, each with what must be answered. */
const KINDS: readonly ((random: Random, at: string) => Case)[] = [
  (random, at) => ({
    path: sign(`${at}?${query(goodPairs(random, below(random, 6)))}`),
    // All together they may contradict each other.
    statuses: [404, 400],
  }),
  (random, at) => {
    const name = pick(
      random,
      NAMES.filter((each) => (BAD.get(each)?.length ?? 0) > 0),
    );
    const others = goodPairs(random, below(random, 4)).filter(([other]) => other !== name);
    const pairs = random.shuffled([...others, [name, pick(random, BAD.get(name) ?? [])] as const]);
    return { path: sign(`${at}?${query(pairs)}`), statuses: [400], names: name };
  },
  (random, at) => {
    const [[name, value] = ['w', '1'] as const, ...others] = goodPairs(random, 1 + below(random, 4));
    const pairs = random.shuffled([...others, [name, value] as const, [name, pick(random, TEXTS)] as const]);
    return { path: sign(`${at}?${query(pairs)}`), statuses: [400], names: name };
  },
  (random, at) => {
    const fit = pick(random, ['fill', 'fillmax', 'min', 'scale'] as const);
    return { path: sign(`${at}?w=16384&h=16384&fit=${fit}`), statuses: [400], names: 'w' };
  },
  (random, at) => {
    const name = pick(random, ['w', 'h', 'fit', 'fm', 'q', 'dpr', 'rot', 'flip'] as const);
    const twice = [...pick(random, GOOD.get(name) ?? [])].map((letter) => `%25${letter.charCodeAt(0).toString(16)}`);
    return { path: sign(`${at}?${name}=${twice.join('')}`), statuses: [400], names: name };
  },
  (random, at) => {
    const name = `${pick(random, NAMES)}${pick(random, ['x', '[]', '.', '-', ' '])}`;
    return { path: sign(`${at}?${encode(name)}=${below(random, 100)}`), statuses: [400], names: name };
  },
  (random, at) => ({ path: sign(`${at}?${text(random, JUNK, 1 + below(random, 60))}`), statuses: [400, 403, 404] }),
  (random, at) => ({ path: sign(`${at}?w=%${text(random, 'ghxyz%', 2)}`), statuses: [400], names: 'w' }),
  (random, at) => ({ path: `${at}?${query(goodPairs(random, 3))}`, statuses: [403] }),
  (random, at) => ({ path: `${at}?${text(random, JUNK, 20)}&s=${text(random, 'aA0_-=%', 43)}`, statuses: [403] }),
  (random, at) => ({ path: `${sign(`${at}?w=1`)}&${pair('s', pick(random, TEXTS))}`, statuses: [403] }),
  (random) => ({ path: `/i/${text(random, PATH_JUNK, 1 + below(random, 40))}`, statuses: [400, 403, 404] }),
];

function* cases(seed: number, count: number): Generator<Case> {
  const random = new Random(seed);
  for (let index = 0; index < count; index += 1) {
    // Most name what can be no image: a good one costs no look into the database.
    const id = below(random, 50) === 0 ? `img_${'0'.repeat(26)}` : 'nothing';
    yield pick(random, KINDS)(random, `/i/demo/${id}`);
  }
}

function* rendered(seed: number, id: string, count: number): Generator<Case> {
  const random = new Random(seed);
  for (let index = 0; index < count; index += 1) {
    const path = sign(`/i/demo/${id}?${query(goodPairs(random, 1 + below(random, 5), true))}`);
    yield { path, statuses: [200, 400, 422, 503] };
  }
}

/** What is wrong with an answer, if anything. */
function wrongWith(answer: PipelinedAnswer, { statuses, names }: Case): string | undefined {
  // What may be looked up may also find the node too busy.
  const isBusy = answer.status === 503 && statuses.includes(404);
  if (!isBusy && !statuses.includes(answer.status)) return `status ${answer.status}, not ${statuses.join(' or ')}`;
  if (answer.status === 200) return answer.type.startsWith('image/') ? undefined : `type ${answer.type}`;
  if (!answer.type.startsWith('application/problem+json')) return `type ${answer.type}`;
  if (answer.body.length > 20_000) return `a body of ${answer.body.length} bytes`;
  const problem = problemSchema.parse(JSON.parse(answer.body.toString()));
  if (problem.status !== answer.status) return 'another status in the body';
  if (answer.status !== 400 || names === undefined) return undefined;
  const told = problem.parameters?.find(({ parameter }) => parameter === names);
  return told && told.allowed.length > 0 ? undefined : `parameters ${JSON.stringify(problem.parameters)}, not ${names}`;
}

it(`answers any of ${URLS} URLs with a picture, or with a problem that names the parameter and what it takes`, async () => {
  const counts = new Map<number, number>();
  const wrong: string[] = [];
  const hold = async (all: Generator<Case>) => {
    const asked: Case[] = [];
    const paths = function* () {
      for (const one of all) {
        asked.push(one);
        yield one.path;
      }
    };
    await getAll(node.url, paths(), (answer) => {
      const one = asked.shift();
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      const what = one && wrongWith(answer, one);
      if (what && wrong.length < 10) wrong.push(`${one.path}: ${what}; ${answer.body.toString('latin1', 0, 300)}`);
    });
  };
  await Promise.all([
    ...images.map(({ id }, index) => hold(rendered(SEED - index, id, RENDERED / PICTURES))),
    ...Array.from({ length: CONNECTIONS }, (_, index) => hold(cases(SEED + index, (URLS - RENDERED) / CONNECTIONS))),
  ]);
  expect(wrong).toEqual([]);
  expect([...counts.values()].reduce((sum, count) => sum + count)).toBe(URLS);
  for (const status of [200, 400, 403, 404]) {
    expect(counts.get(status), `answers of status ${status}`).toBeGreaterThan(20);
  }
  expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
}, 300_000);
