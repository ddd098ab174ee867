import { type Area, isOfSize, type Size } from '../geometry.ts';
import type { Cut } from '../layout.ts';
import { eachFrame, firstFrame } from './frames.ts';
import {
  type PipelineOperation,
  type PixelOperation,
  type Pixels,
  type PixelTools,
  PLACES,
  type Step,
} from './operation.ts';

/** The area of the source, before it is reduced. */
export const cutStored: PipelineOperation = {
  name: 'cut stored',
  stage: 'decode',
  place: PLACES.cutBefore,
  framewise: true,
  wanted: ({ decoding }) => decoding.cutStored !== undefined,
  apply: (image, { decoding }) => (decoding.cutStored ? image.extract(decoding.cutStored) : image),
};

/** The area of the source, after it was reduced and turned as a whole. */
export const cutShown: PipelineOperation = {
  name: 'cut shown',
  stage: 'decode',
  place: PLACES.cut,
  framewise: true,
  wanted: ({ decoding }) => decoding.cutShown !== undefined,
  apply: (image, { decoding }) => (decoding.cutShown ? image.extract(decoding.cutShown) : image),
};

/** What `fit` keeps of a picture that is enlarged after. */
export const cutFirst: PipelineOperation = {
  name: 'cut first',
  stage: 'picture',
  place: PLACES.cutBefore,
  framewise: true,
  wanted: (step) => isArea(firstCut(step)),
  apply: (image, step) => extract(image, firstCut(step)),
};

/** What `fit` keeps of the scaled picture. */
export const cut: PipelineOperation = {
  name: 'cut',
  stage: 'picture',
  place: PLACES.cut,
  framewise: true,
  wanted: ({ picture }) => isArea(picture?.layout.cut),
  apply: (image, { picture }) => extract(image, picture?.layout.cut),
};

/** The same where the area is to be found in the pixels: the liveliest, or that which draws the eye. */
export const seekFirst = seek('seek first', firstCut);
export const seekCut = seek('seek', ({ picture }) => picture?.layout.cut);

function seek(name: string, cutOf: (step: Step) => Cut | undefined): PixelOperation {
  return {
    name,
    stage: 'picture',
    wanted: (step) => {
      const found = cutOf(step);
      return found !== undefined && !isArea(found);
    },
    change: async (pixels, step, tools) => {
      const sought = cutOf(step);
      if (!sought || isArea(sought) || isOfSize(sought, pixels)) return pixels;
      // One area for all frames, or an animation would tremble.
      const area = await find(firstFrame(pixels), sought, sought.sought, tools);
      return eachFrame(pixels, (frame) => tools.read(tools.open(frame).extract(area)));
    },
  };
}

async function find(pixels: Pixels, size: Size, strategy: 'entropy' | 'attention', tools: PixelTools): Promise<Area> {
  const { info } = await tools
    .open(pixels)
    .resize(size.width, size.height, { fit: 'cover', position: strategy })
    .raw()
    .toBuffer({ resolveWithObject: true });
  // The library tells by how much the picture was moved.
  const left = Math.min(Math.abs(info.cropOffsetLeft ?? 0), pixels.width - size.width);
  const top = Math.min(Math.abs(info.cropOffsetTop ?? 0), pixels.height - size.height);
  return { left, top, width: size.width, height: size.height };
}

/** A cut of the picture in its own pixels, in those that were decoded: of a drawing they are others. */
function firstCut({ picture, base, decoded }: Step): Cut | undefined {
  const cut = picture?.layout.cutFirst;
  if (!cut || isOfSize(decoded, base.size)) return cut;
  const scale = { x: decoded.width / base.size.width, y: decoded.height / base.size.height };
  const size = {
    width: Math.min(decoded.width, Math.max(1, Math.round(cut.width * scale.x))),
    height: Math.min(decoded.height, Math.max(1, Math.round(cut.height * scale.y))),
  };
  if (!isArea(cut)) return { ...cut, ...size };
  const left = Math.min(decoded.width - size.width, Math.round(cut.left * scale.x));
  const top = Math.min(decoded.height - size.height, Math.round(cut.top * scale.y));
  return { ...size, left, top };
}

function isArea(cut: Cut | undefined): cut is Area {
  return cut !== undefined && 'left' in cut;
}

function extract<Image extends { extract(area: Area): Image }>(image: Image, cut: Cut | undefined): Image {
  return isArea(cut) ? image.extract(cut) : image;
}
