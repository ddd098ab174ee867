import { Component, componentAt, isExhausted, PLACES, quantisationTable, setPlaces, take, unitAt } from './layout';
import { planeStride, setPlaneStride, writeRgb } from './transform';

/** The picture: its components, its MCUs and its output. */

let width: u32 = 0;
let height: u32 = 0;
/** Samples of the side of a block that come out, where the sampling factors are the largest: 1, 2 or 4. */
let scale: u32 = 0;
let hMax: u32 = 0;
let vMax: u32 = 0;
export let components: u32 = 0;
export let units: u32 = 0;
export let mcusAcross: u32 = 0;
export let mcusDown: u32 = 0;
export let outputWidth: u32 = 0;
export let outputHeight: u32 = 0;
let output: usize = 0;

/** Of which all lengths in bytes are below 2^32, and far more than there is memory for. */
const PIXELS_MAX: u64 = 1 << 28;
/** What is written or read past the end of a row. */
const BYTES_PAST_END: usize = 64;

export function setFrame(frameWidth: u32, frameHeight: u32, count: u32, samples: u32): void {
  width = frameWidth;
  height = frameHeight;
  components = count;
  scale = samples;
  hMax = 1;
  vMax = 1;
}

export function setComponent(index: u32, h: u32, v: u32, table: u32): void {
  const component = componentAt(index);
  component.h = h;
  component.v = v;
  component.quantisation = quantisationTable(table);
  hMax = max(hMax, h);
  vMax = max(vMax, v);
}

/** @returns where the pixels will be; 0 when there is no memory */
export function takeRooms(progressive: bool): usize {
  if (<u64>width * height > PIXELS_MAX) return 0;
  mcusAcross = (width + 8 * hMax - 1) / (8 * hMax);
  mcusDown = (height + 8 * vMax - 1) / (8 * vMax);
  // To the nearest: with what is left of a pixel rounded up, or down, all others would be further from their places.
  outputWidth = max(1, (width * scale + 4) / 8);
  outputHeight = max(1, (height * scale + 4) / 8);
  setPlaneStride(mcusAcross * hMax * scale);
  output = take(<usize>outputWidth * outputHeight * components + BYTES_PAST_END);
  units = 0;
  for (let index: u32 = 0; index < components; index++) {
    const component = componentAt(index);
    lay(component);
    setPlaces(index, component.last);
    if (progressive) takeCoefficients(component);
    for (let y: u32 = 0; y < component.v; y++) {
      for (let x: u32 = 0; x < component.h; x++) {
        const unit = unitAt(units++);
        unit.component = component;
        unit.x = x;
        unit.y = y;
      }
    }
  }
  return isExhausted ? 0 : output;
}

function lay(component: Component): void {
  const h = component.h;
  const v = component.v;
  component.across = (scale * hMax) / h;
  component.down = (scale * vMax) / v;
  component.last = 0;
  for (let k: u32 = 0; k < 64; k++) {
    const place = <u32>load<u8>(PLACES + k);
    if (place >> 3 < component.across && (place & 7) < component.down) component.last = k;
  }
  component.plane = take(planeStride * vMax * scale + BYTES_PAST_END);
  component.stride = mcusAcross * h;
  component.columns = (((width * h + hMax - 1) / hMax) + 7) / 8;
  component.rows = (((height * v + vMax - 1) / vMax) + 7) / 8;
}

function takeCoefficients(component: Component): void {
  const blocks = <usize>component.stride * mcusDown * component.v;
  component.coefficientBytes = (component.last + 1) * 2;
  const coefficients = blocks * component.coefficientBytes;
  component.masks = take(blocks * 8);
  component.coefficients = take(coefficients);
  if (isExhausted) return;
  memory.fill(component.masks, 0, blocks * 8);
  memory.fill(component.coefficients, 0, coefficients);
}

export function resetPredictions(): void {
  for (let index: u32 = 0; index < components; index++) componentAt(index).prediction = 0;
}

/** Writes what a row of MCUs has become to the output: grey or RGB. */
export function writeRow(mcuRow: u32): void {
  const rows = vMax * scale;
  const first = mcuRow * rows;
  const count = min(rows, outputHeight - first);
  for (let row: u32 = 0; row < count; row++) {
    const to = output + <usize>(first + row) * outputWidth * components;
    const from = <usize>row * planeStride;
    if (components == 1) memory.copy(to, componentAt(0).plane + from, outputWidth);
    else writeRgb(from, to, outputWidth);
  }
}
