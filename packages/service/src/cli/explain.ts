import type { Explanation } from '@safelight/contract';
import { createClient, SafelightError } from '@safelight/sdk';
import type { Command } from 'commander';
import { ExitError } from './exit.ts';
import { entriesOf, readTransformation } from './parameters.ts';
import { readDemoKey, urlOfNode } from './running-node.ts';
import { readSettings } from './settings.ts';
import { bytesText, drawTable } from './table.ts';

interface ExplainOptions {
  readonly url?: string;
  readonly key?: string;
  readonly json?: true;
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('Show how a rendition is made, what that is predicted to cost and what it did cost; makes nothing.')
    .argument('<image>', 'its id')
    .argument('[parameters...]', 'what to do to it, such as `w=800 fm=webp`; the reference lists them')
    .option('--url <url>', 'the Safelight to ask; absent: the one on this machine')
    .option('--key <key>', 'its API key; absent: the demo key of the data folder')
    .option('--json', 'as JSON')
    .action(explain);
}

async function explain(image: string, parameters: readonly string[], options: ExplainOptions): Promise<void> {
  const config = readSettings({});
  const transformation = readTransformation(entriesOf(parameters));
  const key = options.key ?? (await readDemoKey(config));
  const client = createClient({ baseUrl: urlOfNode(config, options.url), key });
  const explanation = await client.images.explain(image, transformation).catch((error: Error) => {
    const message = error instanceof SafelightError ? `${error.code}: ${error.message}` : error.message;
    throw new ExitError(1, message, { cause: error });
  });
  console.log(options.json ? JSON.stringify(explanation, undefined, 2) : draw(explanation));
}

/** The plan, a row for each of its steps; and the sentence that says what has become of the rendition. */
function draw({ transformation, version, source, plan, predicted, cause, real }: Explanation): string {
  const rows = [['source', `${source.format} ${sizeText(source)}${framesText(source)}, ${bytesText(source.bytes)}`]];
  if (plan && predicted) {
    const quality = plan.quality === undefined ? '' : `, q=${plan.quality}`;
    const unknown = plan.sizeIsKnown ? '' : ', at most: the pixels tell';
    rows.push(
      [
        'decode',
        `${plan.from === 'pyramid' ? 'of its pyramid ' : ''}to ${sizeText(plan.decoded)}`,
        msText(predicted.decodeCpuMs),
      ],
      [
        'output',
        `${plan.format} ${sizeText(plan)}${framesText(plan)}${quality}${unknown}`,
        msText(predicted.cpuMs - predicted.decodeCpuMs),
      ],
      [
        'together',
        `killed after ${predicted.deadlineMs / 1_000} s`,
        `${msText(predicted.cpuMs)}, ${bytesText(predicted.memoryBytes)} of memory`,
        realText(real),
      ],
    );
  }
  const ended = cause ?? real?.cause;
  return [
    `${transformation}, v=${version}`,
    '',
    drawTable(['step', 'what', 'predicted', 'real'], rows),
    ...(ended ? ['', `${cause ? 'It cannot be made' : 'It failed'}: ${ended.message} (${ended.code})`] : []),
  ].join('\n');
}

function realText(real: Explanation['real']): string {
  if (!real) return 'not asked for yet';
  if (real.cpuMs === undefined || real.bytes === undefined) return real.state;
  return `${msText(real.cpuMs)}, ${bytesText(real.bytes)} of picture`;
}

function msText(milliseconds: number): string {
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms of CPU`;
}

function sizeText({ width, height }: { readonly width: number; readonly height: number }): string {
  return `${width}×${height}`;
}

function framesText({ frames }: { readonly frames: number }): string {
  return frames === 1 ? '' : ` in ${frames} frames`;
}
