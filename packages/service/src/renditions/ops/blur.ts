import { eachFrame } from './frames.ts';
import { type PipelineOperation, type PixelOperation, type Pixels, type PixelTools, PLACES } from './operation.ts';

/** Above this, in pixels, the blur is made on a smaller copy: a kernel's cost grows with it, and the eye finds no difference. */
const SIGMA_MAX = 8;

/** Gaussian blur. Frames of an animation do not run into each other. */
export const blur: PixelOperation = {
  name: 'blur',
  stage: 'picture',
  wanted: ({ picture }) => picture?.transformation.blur !== undefined,
  change: (pixels, { picture }, tools) => {
    const sigma = (picture?.transformation.blur ?? 0) / 2;
    return eachFrame(pixels, (frame) =>
      sigma > SIGMA_MAX ? blurSmall(frame, sigma, tools) : blurred(frame, sigma, tools),
    );
  },
};

function blurred(pixels: Pixels, sigma: number, tools: PixelTools): Promise<Pixels> {
  return tools.read(tools.open(pixels).blur(sigma));
}

async function blurSmall(pixels: Pixels, sigma: number, tools: PixelTools): Promise<Pixels> {
  const { width, height } = pixels;
  const factor = Math.ceil(sigma / SIGMA_MAX);
  const small = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
  const resized = tools.open(pixels).resize(small.width, small.height, { fit: 'fill' });
  const soft = await tools.read(resized.blur(sigma / factor));
  return tools.read(tools.open(soft).resize(width, height, { fit: 'fill', kernel: 'cubic' }));
}

/** The strength at which `sharp=100` raises contrast at edges; flat areas get half of it, or noise would show. */
const STRENGTH_MAX = 4;

/** Unsharp masking of brightness, with a radius of a pixel. */
export const sharpen: PipelineOperation = {
  name: 'sharpen',
  stage: 'picture',
  place: PLACES.sharpen,
  framewise: false,
  wanted: ({ picture }) => picture?.transformation.sharp !== undefined,
  apply: (image, { picture }) => {
    const strength = ((picture?.transformation.sharp ?? 0) / 100) * STRENGTH_MAX;
    return image.sharpen({ sigma: 1, m1: strength / 2, m2: strength });
  },
};
