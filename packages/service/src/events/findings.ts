/** What is wrong with a place in the log. */
export type FindingKind =
  /** A row does not carry the link that its content and the row before it make. */
  | 'changed'
  /** Rows are missing in the middle. */
  | 'removed'
  /** A row stands where the content of another belongs. */
  | 'reordered'
  /** Rows are missing at the end. */
  | 'cut_off'
  /** A checkpoint or anchor is not signed by a key that the caller trusts. */
  | 'bad_signature'
  /** The log says something else than what was signed. */
  | 'checkpoint_mismatch'
  | 'anchor_mismatch'
  /** The anchors know of more than the log has: it was cut off, or restored from an older copy. */
  | 'anchor_ahead';

export interface Finding {
  readonly kind: FindingKind;
  /** Null when no row is left that tells whose it was. */
  readonly tenantId: string | null;
  readonly position: number | null;
  /** In the log over all tenants, where that is what was looked at. */
  readonly logPosition: number | null;
  readonly detail: string;
}

export interface VerifyReport {
  /** Empty when everything holds. */
  readonly findings: readonly Finding[];
  /** Findings beyond the thousandth are counted, not kept. */
  readonly findingsTotal: number;
  readonly tenants: number;
  /** Events whose place in their tenant's chain was checked. */
  readonly events: number;
  /** Events whose personal fields have been erased. */
  readonly erased: number;
  /** Checkpoints and anchors whose signature holds. */
  readonly checkpoints: number;
  readonly anchors: number;
  /** Events that no checkpoint covers; more than a few seconds' worth means that nobody has sealed or signed since. */
  readonly unsigned: number;
  /** The trusted keys that have signed any of it, sorted. */
  readonly keyIds: readonly string[];
}

const FINDINGS_KEPT_MAX = 1_000;

/** Collects findings and counts, bounded. */
export class Findings {
  readonly counts = { tenants: 0, events: 0, erased: 0, checkpoints: 0, anchors: 0, unsigned: 0 };
  readonly #kept: Finding[] = [];
  readonly #places = new Set<string>();
  readonly #keyIds = new Set<string>();
  #total = 0;

  add(kind: FindingKind, place: Partial<Omit<Finding, 'kind' | 'detail'>>, detail: string): void {
    this.#total += 1;
    if (this.#kept.length === FINDINGS_KEPT_MAX) return;
    const { tenantId = null, position = null, logPosition = null } = place;
    this.#kept.push({ kind, tenantId, position, logPosition, detail });
    this.#places.add(`${tenantId} ${position}`);
  }

  /** A signature by this key holds. */
  addSignature(keyId: string): void {
    this.#keyIds.add(keyId);
  }

  /** Whether something was found at a tenant's position. */
  has(tenantId: string, position: number): boolean {
    return this.#places.has(`${tenantId} ${position}`);
  }

  hasKind(kind: FindingKind): boolean {
    return this.#kept.some((finding) => finding.kind === kind);
  }

  report(): VerifyReport {
    return { findings: this.#kept, findingsTotal: this.#total, ...this.counts, keyIds: [...this.#keyIds].sort() };
  }
}
