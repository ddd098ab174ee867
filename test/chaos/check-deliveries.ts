import { createRequire } from 'node:module';
import { sha256Of } from './digest.ts';
import { type History, imageIdOf, PRESET_NAMES, type PresetName, type UploadRecord } from './history.ts';
import type { Target } from './target.ts';
import type { Verdict } from './verdict.ts';

const require = createRequire(new URL('../../packages/service/package.json', import.meta.url));
const sharp = require('sharp') as typeof import('sharp').default;

const AT_ONCE = 6;
/** Longer than the GET of a pending rendition waits. */
const ANSWER_MS_MAX = 30_000;
const NO_ANSWER = 0;
const SIDE_MAX: Readonly<Record<PresetName, number>> = { small: 100, medium: 300, large: 600 };

/** Fetches everything that was acknowledged, by the URLs that were handed out, and everything that was deleted. */
export async function checkDeliveries(subject: Target, history: History, verdict: Verdict): Promise<void> {
  const decoded = new Map<string, Promise<string | undefined>>();
  const left = history.uploads.filter(({ acknowledged }) => acknowledged);
  const checkNext = async (): Promise<void> => {
    for (let record = left.pop(); record; record = left.pop()) {
      if (record.deletion === 'acknowledged') await checkGone(subject, record, verdict);
      else if (record.deletion === 'asked') await checkEither(subject, record, verdict, decoded);
      else await checkStanding(subject, record, verdict, decoded);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, checkNext));
}

type Decoded = Map<string, Promise<string | undefined>>;

async function checkStanding(subject: Target, record: UploadRecord, verdict: Verdict, decoded: Decoded): Promise<void> {
  verdict.count('uploads checked');
  const original = await get(subject, record, 'original');
  if (original.status !== 200) verdict.add('lost', `${record.name}: its original answers ${original.status}`);
  else if (sha256Of(original.body) !== record.sample.sha256) verdict.add('altered', `${record.name}: its original`);
  for (const preset of PRESET_NAMES) {
    const { status, body } = await get(subject, record, preset);
    verdict.count('renditions checked');
    if (body.includes('rendition_pending')) verdict.add('stuck', `${record.name}: ${preset} is still pending`);
    else if (status === 422) verdict.add('failed', `${record.name}: ${preset}: ${body.toString().slice(0, 300)}`);
    else if (status !== 200) verdict.add('lost', `${record.name}: ${preset} answers ${status}`);
    else {
      const problem = await decode(body, SIDE_MAX[preset], decoded);
      if (problem !== undefined) verdict.add('altered', `${record.name}: ${preset}: ${problem}`);
    }
  }
}

async function checkGone(subject: Target, record: UploadRecord, verdict: Verdict): Promise<void> {
  verdict.count('deletions checked');
  for (const name of ['original', ...PRESET_NAMES] as const) {
    const { status } = await get(subject, record, name);
    if (status !== 410) verdict.add('undead', `${record.name} was deleted; ${name} answers ${status}`);
  }
  const { status } = await subject.request(`/v1/images/${imageIdOf(record)}`);
  if (status !== 410) verdict.add('undead', `${record.name} was deleted; the image answers ${status}`);
}

/** A deletion without an answer happened or did not; nothing in between. */
async function checkEither(subject: Target, record: UploadRecord, verdict: Verdict, decoded: Decoded): Promise<void> {
  const { status } = await subject.request(`/v1/images/${imageIdOf(record)}`);
  if (status === 410) await checkGone(subject, record, verdict);
  else await checkStanding(subject, record, verdict, decoded);
}

async function get(
  subject: Target,
  record: UploadRecord,
  name: PresetName | 'original',
): Promise<{ status: number; body: Buffer }> {
  try {
    const response = await subject.request(record.urls?.[name] ?? '/', { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
  } catch {
    return { status: NO_ANSWER, body: Buffer.of() };
  }
}

/** Decodes every pixel, of equal bytes once. @returns what is wrong with the picture. */
function decode(bytes: Buffer, sideMax: number, decoded: Decoded): Promise<string | undefined> {
  const digest = sha256Of(bytes);
  const known = decoded.get(digest) ?? decodeWhole(bytes, sideMax);
  decoded.set(digest, known);
  return known;
}

async function decodeWhole(bytes: Buffer, sideMax: number): Promise<string | undefined> {
  try {
    const { info } = await sharp(bytes, { failOn: 'warning' }).raw().toBuffer({ resolveWithObject: true });
    const side = Math.max(info.width, info.height);
    return side > sideMax ? `its longest side is ${side}` : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
