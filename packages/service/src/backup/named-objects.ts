import type { Queryable } from '../db/database.ts';
import type { Statement } from '../db/statement.ts';
import { selectDescriptions, selectOriginals, selectPyramids, selectRenditions } from './named-objects.sql.ts';

/** An object as the row that names it tells of it. */
export interface NamedObject {
  readonly kind: 'original' | 'rendition' | 'pyramid';
  readonly tenantId: string;
  /** Of the original, the rendition, or the original whose pyramid it is. */
  readonly id: string;
  readonly originalId: string;
  readonly objectKey: string;
  /** 32 bytes. */
  readonly sha256: Buffer;
  readonly bytes: number;
}

/** The parts of a walk over all objects: originals first, because the others can be made of them again. */
export const PARTS = ['originals', 'renditions', 'pyramids'] as const;
export type Part = (typeof PARTS)[number];

const PAGES = {
  originals: selectOriginals,
  renditions: selectRenditions,
  pyramids: selectPyramids,
} as const satisfies Record<Part, Statement>;

/** The objects whose rows follow one of a tenant, in a fixed order. */
export async function pageOfObjects(
  database: Queryable,
  part: Part,
  after: { readonly tenantId: string; readonly id: string },
  rowsMax: number,
): Promise<NamedObject[]> {
  return database.query<NamedObject>(PAGES[part], [after.tenantId, after.id, rowsMax]);
}

const PAGE_ROWS = 500;

/** Every object that a row names, originals first. */
export async function* namedObjects(database: Queryable): AsyncGenerator<NamedObject> {
  for (const part of PARTS) {
    let after = { tenantId: '', id: '' };
    for (;;) {
      const page = await pageOfObjects(database, part, after, PAGE_ROWS);
      yield* page;
      const last = page.at(-1);
      if (!last) break;
      after = last;
    }
  }
}

/** Digest and length of objects, by key, as their rows tell; those that no row names are left out. */
export async function describeObjects(
  database: Queryable,
  keys: readonly string[],
): Promise<ReadonlyMap<string, Pick<NamedObject, 'sha256' | 'bytes'>>> {
  const rows = await database.query<NamedObject>(selectDescriptions, [keys]);
  return new Map(rows.map((row) => [row.objectKey, row]));
}
