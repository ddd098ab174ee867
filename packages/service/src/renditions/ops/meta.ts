import type { Sharp } from 'sharp';
import type { Credits, Step } from './operation.ts';

/**
 * Who made the picture and whose it is, written into the file where that is asked for, and nothing else of the
 * source's metadata. EXIF texts are ASCII (CIPA DC-008, table 3) and become so by the nearest letters; the library
 * writes none into TIFF. There, and where that loses letters, XMP says it, too.
 */
export function credit(image: Sharp, { credits, output }: Step): Sharp {
  if (!credits || !output?.credited) return image;
  const { artist, copyright } = credits;
  const exif = image.withExif({
    IFD0: { ...(artist !== undefined && { Artist: artist }), ...(copyright !== undefined && { Copyright: copyright }) },
  });
  const isPlain = /^[ -~]*$/.test(`${artist ?? ''}${copyright ?? ''}`);
  return isPlain && output.format !== 'tiff' ? exif : exif.withXmp(asXmp(credits));
}

/** XMP, part 1: the properties of Dublin Core that stand for EXIF's Artist and Copyright. */
function asXmp({ artist, copyright }: Credits): string {
  const creator =
    artist === undefined ? '' : `<dc:creator><rdf:Seq><rdf:li>${escaped(artist)}</rdf:li></rdf:Seq></dc:creator>`;
  const rights =
    copyright === undefined
      ? ''
      : `<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">${escaped(copyright)}</rdf:li></rdf:Alt></dc:rights>`;
  return `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">${creator}${rights}</rdf:Description></rdf:RDF></x:xmpmeta>`;
}

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);
}
