import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from '../test/support/browser.ts';
import { Safelight } from '../test/support/safelight.ts';
import { type PictureName, writePicture } from './make-pictures.ts';

/** Draws the README's picture: the page of a real Safelight with pictures of our own. `node scripts/screenshot.ts` */
const PICTURES: readonly PictureName[] = ['still', 'alpha', 'vector', 'grey', 'progressive-6mp', 'display-p3'];
const FILE = fileURLToPath(new URL('../docs/pictures/page.png', import.meta.url));

const folder = await mkdtemp(join(tmpdir(), 'safelight-screenshot-'));
const safelight = await Safelight.start({ env: { SAFELIGHT_PORT: '8080' } });
const browser = await launchBrowser();
try {
  await mkdir(join(FILE, '..'), { recursive: true });
  const page = await browser.newPage({
    viewport: { width: 1280, height: 820 },
    colorScheme: 'dark',
    reducedMotion: 'reduce',
  });
  await page.goto(safelight.url);
  for (const name of PICTURES) {
    await page.setInputFiles('input[type=file]:not([webkitdirectory])', await writePicture(name, folder));
    await page.waitForFunction((name) => document.body.textContent.includes(name), name);
  }
  await page.waitForFunction((count) => document.body.textContent.split('smaller').length > 2 * count, PICTURES.length);
  await page.waitForLoadState('networkidle');
  await page.screenshot({ path: FILE });
} finally {
  await browser.close();
  await safelight.close();
  await rm(folder, { recursive: true });
}
