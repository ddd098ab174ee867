import type { Sharp } from 'sharp';
import type { Area } from '../geometry.ts';
import {
  eachFrame,
  encode,
  inColours,
  type Operation,
  type OverlayTools,
  type PipelineOperation,
  type Pixels,
  type PixelTools,
  type Step,
} from '../ops/index.ts';
import { chooseQuality } from './choose-quality.ts';
import type { Decoder } from './decoder.ts';
import { writePyramid } from './pyramid.ts';

/** A way through the operations that is being gone: a pipeline not yet run, and how far it has come. */
interface Flow {
  readonly image: Sharp;
  readonly place: number;
  readonly frames: number;
}

/** What a way begins with: a source that was opened, or pixels. */
export type Start = { readonly image: Sharp; readonly frames: number } | { readonly pixels: Pixels };

/**
 * Runs operations on the library's pipelines: as few as their order allows, since each end of one holds the picture in
 * memory as a whole.
 */
export class Developer {
  readonly #decoder: Decoder;
  readonly #overlays: OverlayTools;

  constructor(decoder: Decoder, overlays: OverlayTools) {
    this.#decoder = decoder;
    this.#overlays = overlays;
  }

  /** The pixels at the end of the way. */
  async toPixels(start: Start, operations: readonly Operation[], step: Step): Promise<Pixels> {
    const wanted = operations.filter((operation) => operation.wanted(step));
    if ('pixels' in start && wanted.length === 0) return start.pixels;
    return this.#settle(await this.#run(start, wanted, step), step);
  }

  /** Writes the file at the end of the way, and returns its length in bytes. */
  async toFile(start: Start, operations: readonly Operation[], step: Step, path: string): Promise<number> {
    const { output } = step;
    if (!output?.searched) return this.#write(start, operations, step, path);
    const before = operations.filter((operation) => operation !== encode);
    const pixels = await this.toPixels(start, before, step);
    const quality = await chooseQuality(this.#decoder, (sample) => this.open(sample), pixels, step);
    return this.#write({ pixels }, [encode], { ...step, output: { ...output, quality } }, path);
  }

  /** Writes the pyramid of a source, and returns its length in bytes. */
  async toPyramid(start: Start, operations: readonly Operation[], step: Step, path: string): Promise<number> {
    const wanted = operations.filter((operation) => operation.wanted(step));
    const { image } = await this.#run(start, wanted, step);
    return writePyramid(inColours(image, step), path);
  }

  /** An area of pixels, of every frame, brought to a size. */
  cut(pixels: Pixels, area: Area, step: Step): Promise<Pixels> {
    const { width, height } = step.decoded;
    return this.#tools(step).read(this.open(pixels).extract(area).resize(width, height, { fit: 'fill' }));
  }

  open(pixels: Pixels): Sharp {
    const { data, width, height, channels, frames } = pixels;
    const still = { width, height: height * frames, channels };
    return this.#decoder.open(data, {
      // Every pixel was bounded when it was planned.
      limitInputPixels: false,
      animated: frames > 1,
      raw: frames > 1 ? { ...still, pageHeight: height } : still,
    });
  }

  async #write(start: Start, operations: readonly Operation[], step: Step, path: string): Promise<number> {
    const wanted = operations.filter((operation) => operation.wanted(step));
    const { image } = await this.#run(start, wanted, step);
    return (await inColours(image, step).toFile(path)).size;
  }

  async #run(start: Start, operations: readonly Operation[], step: Step): Promise<Flow> {
    let flow: Flow = 'pixels' in start ? this.#begin(start.pixels) : { ...start, place: 0 };
    for (const operation of operations) flow = await this.#advance(flow, operation, step);
    return flow;
  }

  async #advance(flow: Flow, operation: Operation, step: Step): Promise<Flow> {
    if ('change' in operation) {
      return this.#begin(await operation.change(await this.#settle(flow, step), step, this.#tools(step)));
    }
    if (flow.frames > 1 && !operation.framewise) return this.#byFrame(flow, operation, step);
    const { image, frames } = operation.place > flow.place ? flow : this.#begin(await this.#settle(flow, step));
    return { image: operation.apply(image, step), place: operation.place, frames };
  }

  async #byFrame(flow: Flow, operation: PipelineOperation, step: Step): Promise<Flow> {
    const pixels = await this.#settle(flow, step);
    const { read } = this.#tools(step);
    return this.#begin(await eachFrame(pixels, (frame) => read(operation.apply(this.open(frame), step))));
  }

  #begin(pixels: Pixels): Flow {
    return { image: this.open(pixels), place: 0, frames: pixels.frames };
  }

  #settle({ image }: Flow, step: Step): Promise<Pixels> {
    return this.#tools(step).read(image);
  }

  #tools(step: Step): PixelTools {
    return {
      open: (pixels) => this.open(pixels),
      overlays: this.#overlays,
      read: async (image) => {
        const raw = inColours(image, step).raw({ depth: 'uchar' });
        const { data, info } = await raw.toBuffer({ resolveWithObject: true });
        const { width, channels, pageHeight: height = info.height } = info;
        return {
          data,
          width,
          height,
          channels: channels as Pixels['channels'],
          frames: Math.max(1, info.height / height),
        };
      },
    };
  }
}
