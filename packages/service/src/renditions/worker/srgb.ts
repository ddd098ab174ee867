/** IEC 61966-2-1: a sample of 0 to 255 as a share of the light, 0 to 1. */
export function toLinear(sample: number): number {
  const share = sample / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/** The way back, clamped and rounded. */
export function fromLinear(linear: number): number {
  const share = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (share <= 0.0031308 ? 12.92 * share : 1.055 * share ** (1 / 2.4) - 0.055));
}
