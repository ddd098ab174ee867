/** The bound that keeps a caller out. */
export interface PlacesBound {
  readonly name: string;
  readonly limit: number;
  readonly actual: number;
}

/** All places are taken, or all that one tenant may have. */
export class PlacesTakenError extends Error {
  override readonly name = 'PlacesTakenError';
  readonly bound: PlacesBound;
  constructor(bound: PlacesBound) {
    super(`${bound.name}: ${bound.actual} of ${bound.limit} places are taken`);
    this.bound = bound;
  }
}

/** Whatever one tenant sends, the other half of a node is left to its neighbours. */
const TENANT_SHARE = 1 / 2;

/** Places that a node has for something that lasts, such as an upload; one tenant gets half of them at most. */
export class TenantPlaces {
  readonly #what: string;
  readonly #placesMax: number;
  readonly #ofTenantMax: number;
  readonly #ofTenants = new Map<string, number>();
  #taken = 0;

  /** @param what names the bounds: `uploads` those of `uploadsMax` and `uploadsOfTenantMax`. */
  constructor(what: string, placesMax: number) {
    this.#what = what;
    this.#placesMax = placesMax;
    this.#ofTenantMax = Math.ceil(placesMax * TENANT_SHARE);
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes a place until the returned function is called, once. @throws PlacesTakenError when there is none. */
  take(tenantId: string): () => void {
    const ofTenant = this.#ofTenants.get(tenantId) ?? 0;
    this.#refuse('Max', this.#taken, this.#placesMax);
    this.#refuse('OfTenantMax', ofTenant, this.#ofTenantMax);
    this.#taken += 1;
    this.#ofTenants.set(tenantId, ofTenant + 1);
    return () => this.#giveBack(tenantId);
  }

  #giveBack(tenantId: string): void {
    this.#taken -= 1;
    const left = (this.#ofTenants.get(tenantId) ?? 0) - 1;
    if (left > 0) this.#ofTenants.set(tenantId, left);
    else this.#ofTenants.delete(tenantId);
  }

  #refuse(kind: 'Max' | 'OfTenantMax', actual: number, limit: number): void {
    if (actual >= limit) throw new PlacesTakenError({ name: `${this.#what}${kind}`, limit, actual });
  }
}
