import type { Transformation } from '@safelight/contract';
import { rounded, type Size, scaledBy } from '../geometry.ts';
import { eachFrame } from './frames.ts';
import type { PixelOperation } from './operation.ts';
import { cornerOf, inside, layOver } from './overlay.ts';

/** Lays another image of the tenant over the picture: its first frame, in the proportions that it has. */
export const mark: PixelOperation = {
  name: 'mark',
  stage: 'picture',
  wanted: ({ picture }) => picture?.transformation.mark !== undefined,
  change: async (pixels, { picture, base }, { overlays }) => {
    const { mark: imageId, ...rest } = picture?.transformation ?? {};
    if (imageId === undefined) return pixels;
    const { align, pad, scale, opacity } = settings(rest);
    const size = sizeOf(overlays.markSize(imageId), pixels, { pad, scale });
    const laid = await overlays.drawMark(imageId, size, base.isWide);
    const corner = cornerOf(pixels, laid, align, pad);
    return eachFrame(pixels, (frame) => layOver(frame, laid, corner, opacity));
  },
};

function settings(transformation: Transformation) {
  return {
    align: transformation['mark-align'] ?? 'bottom,right',
    pad: transformation['mark-pad'] ?? 0,
    scale: (transformation['mark-scale'] ?? 25) / 100,
    opacity: (transformation['mark-alpha'] ?? 100) / 100,
  };
}

/** As wide as asked for, and no larger than what lies inside of the margins. */
function sizeOf(natural: Size, picture: Size, { pad, scale }: { pad: number; scale: number }): Size {
  const room = inside(picture, pad);
  const width = Math.min(picture.width * scale, room.width, (room.height * natural.width) / natural.height);
  return rounded(scaledBy(natural, width / natural.width));
}
