/** Of a tenant's own; with the built-in ones they are what each upload may be made into, and what it waits for. */
export const PRESETS_MAX = 32;
/** Former transformations of one name that are not swept yet. */
export const FORMER_MAX = 32;
/** Of one name: those behind the newest are swept at once. */
export const FORMER_KEPT = 8;
/** What a name stood for is delivered this much longer to URLs that name the version: as a page lies in a cache. */
export const FORMER_DAYS = 7;

export interface Preset {
  readonly name: string;
  readonly version: number;
  /** In canonical form. */
  readonly transformation: string;
  readonly onUpload: boolean;
  /** Undefined: as it is built in, from the beginning. */
  readonly changedAt: Date | undefined;
  readonly progress: PresetProgress;
}

/** How far the pictures that were there when it changed are made anew; images of the same bytes count as one. */
export interface PresetProgress {
  readonly version: number;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly pending: number;
}

/** The tenant has as many as it may have. */
export class TooManyPresetsError extends Error {
  override readonly name = 'TooManyPresetsError';
  readonly bound: { readonly name: string; readonly limit: number };

  constructor(bound: { readonly name: string; readonly limit: number }) {
    super(`there are ${bound.limit} already`);
    this.bound = bound;
  }
}

export interface PresetRow {
  readonly tenant_id: string;
  readonly name: string;
  readonly version: number;
  readonly transformation: string;
  readonly on_upload: boolean;
  readonly changed_at: Date;
  readonly up_to: string;
  readonly ordered_to: string;
  readonly settled_to: string;
  readonly total: number;
  readonly done: number;
  readonly failed: number;
  readonly finished_at: Date | null;
  readonly late_to: string | null;
}
