import type { RenditionState } from '@safelight/contract';
import type { Transaction } from '../db/database.ts';
import { statement } from '../db/statement.ts';
import { renditionDigest } from '../renditions/index.ts';
import type { PresetRow } from './model.ts';

/** Pictures between the first that has not ended and the last that is ordered: what one look reads at most. */
export const WINDOW_MAX = 1_000;

/** By primary key and the unique index of renditions; no more than the window. */
const selectWindow = statement(
  'presets_select_window',
  `SELECT o.original_id, r.state FROM originals o
   LEFT JOIN renditions r ON r.tenant_id = o.tenant_id AND r.original_id = o.original_id AND r.digest = $4
   WHERE o.tenant_id = $1 AND o.original_id > $2 AND o.original_id <= $3
   ORDER BY o.original_id LIMIT ${WINDOW_MAX}`,
);

export interface InWindow {
  readonly original_id: string;
  /** Null: dropped since, as with an image that was laid over it. */
  readonly state: RenditionState | null;
}

/** What was ordered and is not counted yet, in the order of ids. */
export async function readWindow(tx: Transaction, row: PresetRow): Promise<InWindow[]> {
  if (row.settled_to === row.ordered_to) return [];
  const values = [row.tenant_id, row.settled_to, row.ordered_to, renditionDigest(row.transformation)];
  return tx.query<InWindow>(selectWindow, values);
}

/** Of pictures that are there still. */
export function countEnded(window: readonly InWindow[]): { readonly done: number; readonly failed: number } {
  const of = (state: RenditionState) => window.filter((one) => one.state === state).length;
  return { done: of('ready'), failed: of('failed') };
}
