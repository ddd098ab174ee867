/**
 * An SVG is a program in a language that can name files, hosts and entities. It is rasterised from memory, without a
 * base address, so the renderer has nothing to resolve a reference against; this check refuses the reference as well,
 * with a reason that the sender can act on. Everything that is not known to be inside the document is refused.
 *
 * Matching is done on Latin-1 text: every encoding that is let through has ASCII at ASCII's places.
 */
const ENCODINGS = /^(utf-?8|us-ascii|iso-8859-\d{1,2}|windows-125\d)$/i;
const EMBEDDED = /^\s*(#|data:image\/(png|jpe?g|gif|webp)[;,])/i;

const REFUSED: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  { pattern: /^(\xff\xfe|\xfe\xff)/, reason: 'it is not written in UTF-8' },
  { pattern: /<!DOCTYPE/i, reason: 'it has a DOCTYPE' },
  { pattern: /<!ENTITY/i, reason: 'it declares entities' },
  { pattern: /<\?xml-stylesheet/i, reason: 'it links a style sheet' },
  { pattern: /@import/i, reason: 'its style imports another' },
];

/** Why the document must not be rasterised, or undefined when nothing speaks against it. */
export function svgDanger(bytes: Buffer): string | undefined {
  const text = bytes.toString('latin1');
  const encoding = /^\s*(?:\xef\xbb\xbf)?<\?xml[^>]*?encoding\s*=\s*["']([^"']*)/.exec(text)?.[1];
  if (encoding !== undefined && !ENCODINGS.test(encoding)) return `its encoding is ${encoding}`;
  if (bytes.includes(0)) return 'it is not written in UTF-8';
  const refused = REFUSED.find(({ pattern }) => pattern.test(text));
  return refused?.reason ?? outsideReference(text);
}

/** Links that a reader would follow by hand, `<a href>`, are no references of the picture. */
function outsideReference(text: string): string | undefined {
  for (const match of text.matchAll(/\bhref\s*=\s*(["'])/gi)) {
    const value = text.slice(match.index + match[0].length, match.index + match[0].length + 64);
    const harmless = EMBEDDED.test(value) || value.startsWith(match[1] ?? '') || elementAt(text, match.index) === 'a';
    if (!harmless) return 'it refers to something outside itself by href';
  }
  for (const match of text.matchAll(/\burl\(\s*["']?/gi)) {
    const value = text.slice(match.index + match[0].length, match.index + match[0].length + 64);
    if (!EMBEDDED.test(value)) return 'its style refers to something outside itself by url()';
  }
  return undefined;
}

/**
 * The name of the element in whose tag `at` lies: no attribute can hold a bare "<" (XML 1.0, section 3.1), so the
 * nearest one before it opens the tag. Looks back only so far, or a document of links would take the square of its length.
 */
function elementAt(text: string, at: number): string | undefined {
  const before = text.slice(Math.max(0, at - TAG_LENGTH_MAX), at);
  return /<([\w:.-]+)\s[^<]*$/.exec(before.slice(Math.max(0, before.lastIndexOf('<'))))?.[1];
}

const TAG_LENGTH_MAX = 2_048;
