import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QUADRANTS, quadrants } from '../../scripts/make-pictures.ts';
import { expectImage, sendImage } from '../support/answers.ts';
import { findBrowser, launchBrowser } from '../support/browser.ts';
import { Safelight } from '../support/safelight.ts';

interface Viewer {
  readonly drawer: { readonly canvas: HTMLCanvasElement };
  readonly viewport: {
    imageToViewportRectangle(x: number, y: number, width: number, height: number): unknown;
    fitBounds(bounds: unknown, immediately: boolean): void;
  };
}

declare global {
  interface Window {
    viewer: Viewer;
    /** What OpenSeadragon last said of whether all tiles of the view are there, and each failure it met. */
    told: { fullyLoaded: boolean; failures: string[] };
  }
}

const isWaived = process.env.SAFELIGHT_TEST_WITHOUT_BROWSER === '1' && findBrowser() === undefined;
const VIEW = { width: 900, height: 600 };
const [WIDTH, HEIGHT] = [6_000, 4_000];
const TILE_SIDE = 512;
const SCRIPT = createRequire(import.meta.url).resolve('openseadragon');

const pageOf = (info: string) => `<!doctype html><title>viewer</title>
<style>body { margin: 0 } #view { width: ${VIEW.width}px; height: ${VIEW.height}px }</style>
<div id="view"></div><script src="/openseadragon.js"></script><script>
window.told = { fullyLoaded: false, failures: [] };
window.viewer = OpenSeadragon({
  id: 'view', tileSources: ${JSON.stringify(info)}, drawer: 'canvas', crossOriginPolicy: 'Anonymous',
  animationTime: 0, immediateRender: true, showNavigationControl: false,
});
for (const name of ['open-failed', 'tile-load-failed', 'add-item-failed'])
  viewer.addHandler(name, ({ message }) => told.failures.push(name + ': ' + message));
viewer.world.addHandler('add-item', ({ item }) =>
  item.addHandler('fully-loaded-change', ({ fullyLoaded }) => { told.fullyLoaded = fullyLoaded; }));
</script>`;

describe.skipIf(isWaived)('OpenSeadragon on a page of another origin', () => {
  let node: Safelight;
  let browser: Browser;
  let server: Server;
  let page: Page;
  /** Regions that the browser asked for: left, top, width and height of each, in pixels of the picture. */
  const regions: number[][] = [];
  let base: string;

  beforeAll(async () => {
    [node, browser] = await Promise.all([Safelight.start({ env: { SAFELIGHT_WORKERS: '2' } }), launchBrowser()]);
    const small = await quadrants(600, 400).png().toBuffer();
    const bytes = await sharp(small).resize(WIDTH, HEIGHT, { kernel: 'nearest' }).jpeg({ quality: 90 }).toBuffer();
    const { id } = await expectImage(await sendImage(node, bytes, '?wait=30'));
    base = `${node.url}/iiif/3/${id}`;
    const script = await readFile(SCRIPT);
    server = createServer((request, response) => {
      if (request.url === '/openseadragon.js') response.setHeader('content-type', 'text/javascript').end(script);
      else response.setHeader('content-type', 'text/html').end(pageOf(`${base}/info.json`));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    page = await browser.newPage({ viewport: VIEW });
    page.on('request', (request) => {
      const [, region] = /\/(\d+,\d+,\d+,\d+)\/[^/]+\/0\/default\.\w+$/.exec(request.url()) ?? [];
      if (region !== undefined) regions.push(region.split(',').map(Number));
    });
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    await node?.close();
  });

  const told = () => page.evaluate(() => window.told);

  /** Colours at points of the view, in shares of its sides. */
  const coloursAt = (points: readonly (readonly [number, number])[]) =>
    page.evaluate((points) => {
      const { canvas } = window.viewer.drawer;
      const context = canvas.getContext('2d');
      return points.map(([x, y]) => [
        ...(context?.getImageData(Math.round(x * canvas.width), Math.round(y * canvas.height), 1, 1).data ?? []),
      ]);
    }, points);

  const about = (colour: readonly number[] | undefined) => [
    ...(colour ?? []).map((part) => expect.closeTo(part, -1)),
    255,
  ];

  it('shows the whole picture out of few tiles', async () => {
    await expect.poll(told).toEqual({ fullyLoaded: true, failures: [] });
    await expect
      .poll(() =>
        coloursAt([
          [0.25, 0.25],
          [0.75, 0.25],
          [0.25, 0.75],
          [0.75, 0.75],
        ]),
      )
      .toEqual(QUADRANTS.map(about));
    expect(regions.length).toBeGreaterThan(0);
    expect(regions.length).toBeLessThan(12);
    expect(Math.max(...regions.map(([, , width = 0]) => width))).toBeGreaterThan(TILE_SIDE);
  });

  it('asks for tiles of the original’s own pixels when it comes close, and shows what is there', async () => {
    const seenBefore = regions.length;
    // Around the middle, where all four areas meet.
    await page.evaluate(
      ({ x, y, width, height }) => {
        const { viewport } = window.viewer;
        window.told.fullyLoaded = false;
        viewport.fitBounds(viewport.imageToViewportRectangle(x, y, width, height), true);
      },
      { x: WIDTH / 2 - 300, y: HEIGHT / 2 - 200, width: 600, height: 400 },
    );
    await expect.poll(told).toEqual({ fullyLoaded: true, failures: [] });
    const deeper = regions
      .slice(seenBefore)
      .filter(([, , width = 0, height = 0]) => width === TILE_SIDE && height === TILE_SIDE);
    expect(deeper.length).toBeGreaterThanOrEqual(4);
    for (const [x = 0, y = 0] of deeper) expect([x % TILE_SIDE, y % TILE_SIDE]).toEqual([0, 0]);
    await expect
      .poll(() =>
        coloursAt([
          [0.48, 0.48],
          [0.52, 0.48],
          [0.48, 0.52],
          [0.52, 0.52],
        ]),
      )
      .toEqual(QUADRANTS.map(about));
  });
});
