/** UTF-16 units of a text that is kept out of an original's header; whatever is longer there is cut. */
export const HEADER_TEXT_CHARACTERS_MAX = 64;
