import { chmodSync, copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The one font of texts on pictures, the same on every machine. */
export const FONT_NAME = 'DejaVu Sans';
const FONT = 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf';

const FONT_FILE = 'font.ttf';

/**
 * The path of the font inside of a worker. Fontconfig makes paths absolute, and the user that a worker becomes may be
 * kept from the folders above its own: this one leads there all the same.
 */
export function fontPath(): string {
  const own = `/proc/self/cwd/${FONT_FILE}`;
  return existsSync(own) ? own : FONT_FILE;
}

/** The name that fontconfig looks for in the folder that its environment names. */
const CONFIGURATION_FILE = 'fonts.conf';
/** Without folders, so that the machine's own fonts stay out, and never read again. */
const CONFIGURATION = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><rescan><int>0</int></rescan></fontconfig>
`;

/** What a worker's scratch folder holds besides the work under way. */
export const FONT_FILES: readonly string[] = [FONT_FILE, CONFIGURATION_FILE];

/**
 * Puts the font, and a configuration that knows no other, into a worker's scratch folder: the installation may be
 * closed to the user that the worker becomes.
 */
export function putFonts(scratchDirectory: string): void {
  const font = join(scratchDirectory, FONT_FILE);
  copyFileSync(fileURLToPath(import.meta.resolve(FONT)), font);
  const configuration = join(scratchDirectory, CONFIGURATION_FILE);
  writeFileSync(configuration, CONFIGURATION);
  for (const path of [font, configuration]) chmodSync(path, 0o644);
}
