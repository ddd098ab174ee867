import type { Sharp } from 'sharp';
import { PYRAMID_QUALITY, PYRAMID_TILE_SIDE } from '../pyramid-levels.ts';

/**
 * Writes a picture's pyramid: a TIFF of JPEG tiles, with a page for each level. The picture is read, halved and written
 * row by row, in one pass.
 * @returns its length in bytes
 */
export async function writePyramid(image: Sharp, path: string): Promise<number> {
  const tiled = image.tiff({
    compression: 'jpeg',
    quality: PYRAMID_QUALITY,
    pyramid: true,
    tile: true,
    tileWidth: PYRAMID_TILE_SIDE,
    tileHeight: PYRAMID_TILE_SIDE,
  });
  return (await tiled.toFile(path)).size;
}
