import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PICTURES, photo } from '../../scripts/make-pictures.ts';

/** A photograph of 640 × 480 as JPEG, about 100 kB, made in a fraction of a second. */
export async function smallPhoto(): Promise<Buffer> {
  return photo(640, 480).jpeg({ quality: 85 }).toBuffer();
}

/** A photograph of 120 × 80 as JPEG: where something else than its pixels is looked at. */
export async function tinyPhoto(): Promise<Buffer> {
  return photo(120, 80).jpeg({ quality: 85 }).toBuffer();
}

/** One of the project's own pictures. */
export async function picture(name: keyof typeof PICTURES): Promise<Buffer> {
  return PICTURES[name].make();
}

/** The same picture in other bytes: what follows a JPEG's end is not its picture. So it is another original. */
export function unlike(jpeg: Uint8Array): Buffer {
  return Buffer.concat([jpeg, randomBytes(16)]);
}

const HOSTILE = fileURLToPath(new URL('../../../shared/corpus/hostile/', import.meta.url));

/** Hostile files of a corpus beside the project, by name; none where there is no such corpus. */
export function hostileCorpus(): { readonly name: string; readonly bytes: Buffer }[] {
  if (!existsSync(HOSTILE)) return [];
  return readdirSync(HOSTILE)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(`${HOSTILE}${name}`) }));
}
