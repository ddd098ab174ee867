/** What a piece of a resumable upload calls itself (tus 1.0). Apart from schemas, so that a page which sends one loads none. */
export const TUS_BODY = 'application/offset+octet-stream';
