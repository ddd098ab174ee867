import type { Command } from 'commander';
import { ConfigError, loadConfig, SETTINGS } from '../config.ts';
import { ExitError } from './exit.ts';
import { drawTable } from './table.ts';

export function addConfig(program: Command): void {
  program
    .command('config')
    .description('Show the effective configuration and where each value comes from; secrets are hidden.')
    .option('--json', 'as JSON')
    .action((options: { json?: true }) => showConfig(options.json === true));
}

function showConfig(asJson: boolean): void {
  const rows = effective();
  if (asJson)
    console.log(JSON.stringify(Object.fromEntries(rows.map(({ name, ...rest }) => [name, rest])), undefined, 2));
  else
    console.log(
      drawTable(
        ['setting', 'value', 'from', 'what it is'],
        rows.map((row) => [row.name, row.value, row.from, row.about]),
      ),
    );
}

function effective() {
  try {
    const { config, given } = loadConfig();
    return Object.entries(SETTINGS).map(([name, setting]) => {
      const value = config[name as keyof typeof SETTINGS];
      const isSecret = 'secret' in setting && value !== undefined;
      return {
        name,
        value: isSecret ? '(hidden)' : show(value),
        from: given.has(name) ? 'environment' : 'default',
        about: setting.about,
      };
    });
  } catch (error) {
    if (error instanceof ConfigError) throw new ExitError(2, error.message);
    throw error;
  }
}

function show(value: unknown): string {
  if (value === undefined) return '';
  return value instanceof Set ? [...value].join(',') : String(value);
}
