import type { Pixels } from './operation.ts';

/** The first frame alone. */
export function firstFrame(pixels: Pixels): Pixels {
  return frameAt(pixels, 0);
}

function frameAt(pixels: Pixels, frame: number): Pixels {
  if (pixels.frames === 1) return pixels;
  const bytes = pixels.width * pixels.height * pixels.channels;
  return { ...pixels, data: pixels.data.subarray(frame * bytes, (frame + 1) * bytes), frames: 1 };
}

/** Does something to each frame by itself, in order. All of them become the same size. */
export async function eachFrame(pixels: Pixels, work: (frame: Pixels) => Pixels | Promise<Pixels>): Promise<Pixels> {
  if (pixels.frames === 1) return work(pixels);
  const frames: Pixels[] = [];
  for (let frame = 0; frame < pixels.frames; frame += 1) frames.push(await work(frameAt(pixels, frame)));
  const [first = pixels] = frames;
  return { ...first, data: Buffer.concat(frames.map(({ data }) => data)), frames: frames.length };
}
