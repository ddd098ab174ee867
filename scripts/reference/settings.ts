import { SETTINGS } from '../../packages/service/src/config.ts';
import { code, page, table } from './markdown.ts';

interface Described {
  readonly about: string;
  readonly fallback: string;
  readonly secret?: true;
}

/** Every setting, in the order of the table that reads them. */
export function renderConfiguration(): string {
  const settings: readonly (readonly [string, Described])[] = Object.entries(SETTINGS);
  return page(
    'Configuration',
    'packages/service/src/config.ts',
    'Settings are environment variables. `NAME_FILE` reads the value of `NAME` from a file, which suits secrets. A bad value stops the start with one line that names it.',
    table(
      ['setting', 'unless given', 'meaning'],
      settings.map(([name, { about, fallback, secret }]) => [
        code(name),
        fallback ? code(fallback) : '',
        secret ? `${about} Secret.` : about,
      ]),
    ),
  );
}
