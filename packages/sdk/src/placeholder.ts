import type { Image } from '@safelight/contract';
import { thumbHashToDataURL } from 'thumbhash';

/**
 * What to show in an image's place before it is there: a blurred copy of at most 32 pixels a side, with the image's
 * transparency, as a `data:` URL (a PNG of about 5 kB) for `src`, `poster` or CSS `url()`. Stretch it over the place.
 * @returns undefined until the first rendition is ready.
 */
export function placeholder({ placeholders }: Pick<Image, 'placeholders'>): string | undefined {
  if (!placeholders) return undefined;
  return thumbHashToDataURL(Uint8Array.from(atob(placeholders.thumbhash), (byte) => byte.charCodeAt(0)));
}

/**
 * The same as one CSS colour, `#rrggbb`: costs nothing and needs no image, so it suits long lists.
 * @returns undefined until the first rendition is ready, and for an image of which nothing can be seen.
 */
export function placeholderColour({ colours }: Pick<Image, 'colours'>): string | undefined {
  return colours?.dominant;
}
