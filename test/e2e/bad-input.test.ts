import { readFileSync } from 'node:fs';
import { type Image, imageSchema, type Problem } from '@safelight/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectImage, sendImage } from '../support/answers.ts';
import { hostileFiles } from '../support/hostile.ts';
import { expectNothingLeft } from '../support/leftovers.ts';
import { hostileCorpus, smallPhoto } from '../support/pictures.ts';
import { Safelight } from '../support/safelight.ts';
import { until } from '../support/until.ts';

const DOCUMENT = readFileSync(new URL('../../docs/BAD-INPUT.md', import.meta.url), 'utf8');
/** Two deadlines of the longest render, one after the other, on a busy machine. */
const END_MS_MAX = 120_000;

/** What the document promises for a file; one answer, or one of several. */
function documented(file: string): string[] {
  const row = DOCUMENT.split('\n').find((line) => line.startsWith(`| ${file} | `));
  return (row?.split(' | ')[1]?.replace(/ \|$/, '') ?? 'nothing').split(' or ');
}

let node: Safelight;

beforeAll(async () => {
  // All files come at once, from one tenant, which may have half of the places.
  node = await Safelight.start({ env: { SAFELIGHT_UPLOADS_MAX: '200' } });
});
afterAll(() => node.close());

/** What a file gets, in the document's words, once all is over. */
async function answerTo(bytes: Uint8Array): Promise<string> {
  const response = await sendImage(node, bytes);
  const body: unknown = await response.json();
  if (response.ok) return outcomeOf(imageSchema.parse(body));
  const { code, bound, cause, detail } = body as Problem;
  expect(detail, 'a person needs to know what is wrong').toMatch(/\w+ \w+/);
  return [response.status, code, bound?.name ?? cause?.code].filter((word) => word !== undefined).join(' ');
}

async function outcomeOf({ id }: Image): Promise<string> {
  const look = async () => {
    const image = await expectImage(await node.fetch(`/v1/images/${id}`));
    return image.state !== 'pending' && image;
  };
  const image = await until(`the renditions of ${id} end`, look, END_MS_MAX);
  const [cause] = image.renditions.flatMap((rendition) => rendition.cause ?? []);
  return ['201', image.state, cause?.code].filter((word) => word !== undefined).join(' ');
}

describe('every file that breaks or attacks', { timeout: 2 * END_MS_MAX }, () => {
  it('gets the answer that is documented, and leaves nothing behind', async () => {
    const files = [...(await hostileFiles()), ...hostileCorpus()];
    const answers = await Promise.all(
      files.map(async ({ name, bytes }): Promise<[string, string]> => [name, await answerTo(bytes)]),
    );
    const promised = answers.map(([name, answer]) => {
      const allowed = documented(name);
      return [name, allowed.includes(answer) ? answer : allowed.join(' or ')];
    });
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(promised));
    await expectNothingLeft(node);
  });

  it('leaves the service as it was: the next picture is rendered, and all workers stand', async () => {
    const image = await expectImage(await sendImage(node, await smallPhoto(), '?wait=30'));
    expect(image.state).toBe('ready');
    const readiness = await until('all workers stand', async () => {
      const { checks } = (await (await fetch(`${node.url}/readyz`)).json()) as {
        checks: Record<string, { detail?: string }>;
      };
      const [, alive, wanted] = /^(\d+) of (\d+)/.exec(checks.workers?.detail ?? '') ?? [];
      return alive !== undefined && alive === wanted;
    });
    expect(readiness).toBe(true);
    expect(node.output).not.toContain('"level":50');
  });

  it('is one that the tests make, or one of the corpus: the document tells of no other', async () => {
    const tables = DOCUMENT.split('## Requests')[0] ?? '';
    const told = [...tables.matchAll(/^\| (?!file|---)(.*?) \|/gm)].map((match) => match[1] ?? '');
    const made = new Set((await hostileFiles()).map(({ name }) => name));
    expect(told.filter((name) => !made.has(name) && !/^[\w-]+\.\w+$/.test(name))).toEqual([]);
  });
});
