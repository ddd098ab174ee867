import type { Sharp } from 'sharp';
import type { Picture, PlannedOutput } from '../arrange.ts';
import type { Base, Decoding } from '../base.ts';
import type { Size } from '../geometry.ts';
import type { SourceFacts } from '../source.ts';
import type { Colour } from './parse-colour.ts';

/** One step of the way from a source to a file. It knows the library by type alone: only the worker process loads it. */
export type Operation = PipelineOperation | PixelOperation;

interface Common {
  readonly name: string;
  /**
   * `decode`: once, on the way from the source to the shared pixels. `picture`: for each picture, on the way from those
   * to its pixels. `output`: for each file that is made of them. What is of `each` runs once on whichever way begins.
   */
  readonly stage: 'decode' | 'picture' | 'output' | 'each';
  /** Whether there is anything to do. */
  wanted(step: Step): boolean;
}

export interface PipelineOperation extends Common {
  readonly place: number;
  /** Whether the library does it to every frame of an animation by itself; else frames are taken one by one. */
  readonly framewise: boolean;
  apply(image: Sharp, step: Step): Sharp;
}

/** One that looks at pixels, or is no single step of the library. */
export interface PixelOperation extends Common {
  change(pixels: Pixels, step: Step, tools: PixelTools): Pixels | Promise<Pixels>;
}

/**
 * Where the library does what, whatever the order in which it is told. An operation whose place does not come after
 * that of the one before it begins a new pipeline, on the pixels so far.
 */
export const PLACES = {
  open: 5,
  cutBefore: 10,
  flatten: 15,
  resize: 20,
  mirror: 30,
  quarterTurn: 40,
  turn: 50,
  cut: 60,
  extend: 70,
  sharpen: 90,
  composite: 100,
  encode: 200,
} as const;

/** Raw pixels of 8 bits, all frames below one another. */
export interface Pixels extends Size {
  readonly data: Buffer;
  readonly channels: 1 | 2 | 3 | 4;
  readonly frames: number;
}

export interface PixelTools {
  open(pixels: Pixels): Sharp;
  /** The pixels at a pipeline's end. */
  read(image: Sharp): Promise<Pixels>;
  readonly overlays: OverlayTools;
}

/** Draws what is laid over pictures, as pixels of four channels; for a picture in Display P3 with `isWide`. */
export interface OverlayTools {
  /** Of one frame of the image, upright. @throws CauseError when there is none to lay over */
  markSize(imageId: string): Size;
  drawMark(imageId: string, size: Size, isWide: boolean): Promise<Pixels>;
  /** Undefined where nothing of the text can be seen. */
  drawText(line: TextLine, isWide: boolean): Promise<Pixels | undefined>;
}

export interface TextLine {
  readonly text: string;
  readonly letterPixels: number;
  readonly colour: Colour;
  readonly align: 'left' | 'centre' | 'right';
  /** It wraps at this width, and what is longer than this height is cut off. */
  readonly room: Size;
}

export interface Step {
  readonly source: SourceFacts;
  readonly base: Base;
  readonly decoding: Decoding;
  /** Of the shared pixels, one frame. */
  readonly decoded: Size;
  /** Absent on the way to the shared pixels. */
  readonly picture: Picture | undefined;
  /** Present where a file is made. */
  readonly output: PlannedOutput | undefined;
  /** Present when all frames are decoded. */
  readonly animation: Animation | undefined;
  /** Present where an output keeps them and the source tells any. */
  readonly credits: Credits | undefined;
}

/** Who made a picture, and whose it is. */
export interface Credits {
  readonly artist: string | undefined;
  readonly copyright: string | undefined;
}

export interface Animation {
  readonly delaysMs: readonly number[];
  /** How often it plays; 0 for ever. */
  readonly loop: number;
}
