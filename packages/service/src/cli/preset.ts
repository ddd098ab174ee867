import type { Preset } from '@safelight/contract';
import { createClient, SafelightError } from '@safelight/sdk';
import type { Command } from 'commander';
import { ExitError } from './exit.ts';
import { entriesOf, readTransformation } from './parameters.ts';
import { readDemoKey, urlOfNode } from './running-node.ts';
import { readSettings } from './settings.ts';
import { drawTable } from './table.ts';

interface PresetOptions {
  readonly url?: string;
  readonly key?: string;
  readonly json?: true;
}

export function addPreset(program: Command): void {
  const preset = program.command('preset').description('Say what names in URLs stand for, such as `small`.');
  withNode(preset.command('list'))
    .description('Show every preset, and how far pictures are made anew since it changed.')
    .option('--json', 'as JSON')
    .action(async (options: PresetOptions) => {
      const presets = await clientOf(options).then(({ presets }) => presets.list().catch(fail));
      console.log(options.json ? JSON.stringify(presets) : draw(presets));
    });
  withNode(preset.command('set'))
    .description('Make a preset or change it; pictures that are there are made anew in the background.')
    .argument('<name>')
    .argument('[parameters...]', 'what it stands for, such as `w=800 fm=webp`; the reference lists them')
    .option('--on-demand', 'made when somebody asks for it, and not with each upload')
    .option('--json', 'as JSON')
    .action(async (name: string, parameters: readonly string[], options: PresetOptions & { onDemand?: true }) => {
      const entries = entriesOf(parameters);
      readTransformation(entries);
      const wish = { transformation: Object.fromEntries(entries), onUpload: !options.onDemand };
      const changed = await clientOf(options).then(({ presets }) => presets.put(name, wish).catch(fail));
      console.log(options.json ? JSON.stringify(changed) : draw([changed]));
    });
  withNode(preset.command('remove'))
    .description('Remove a preset; a built-in one becomes again what it is built in as.')
    .argument('<name>')
    .action(async (name: string, options: PresetOptions) => {
      await clientOf(options).then(({ presets }) => presets.remove(name).catch(fail));
    });
}

function withNode(command: Command): Command {
  return command
    .option('--url <url>', 'the Safelight to ask; absent: the one on this machine')
    .option('--key <key>', 'its API key; absent: the demo key of the data folder');
}

async function clientOf({ url, key }: PresetOptions) {
  const config = readSettings({});
  return createClient({ baseUrl: urlOfNode(config, url), key: key ?? (await readDemoKey(config)) });
}

function draw(presets: readonly Preset[]): string {
  const rows = presets.map(({ name, version, onUpload, transformation, progress }) => [
    name,
    `${version}`,
    onUpload ? 'with uploads' : 'on demand',
    progressText(progress),
    transformation,
  ]);
  return drawTable(['preset', 'version', 'made', 'made anew', 'transformation'], rows);
}

function progressText({ total, done, failed }: Preset['progress']): string {
  if (total === 0) return '';
  return `${done} of ${total}${failed === 0 ? '' : `, ${failed} failed`}`;
}

function fail(error: Error): never {
  const message = error instanceof SafelightError ? `${error.code}: ${error.message}` : error.message;
  throw new ExitError(1, message, { cause: error });
}
