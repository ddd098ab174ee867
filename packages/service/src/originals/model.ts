/** What an upload brings, before it is known whether the tenant has these bytes already. */
export interface NewOriginal {
  readonly tenantId: string;
  readonly originalId: string;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  /** Durable in the object store before the row is written. */
  readonly objectKey: string;
  readonly bytes: number;
  readonly format: string;
  /** Pixels, orientation applied. */
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Everything that the probe found. */
  readonly facts: object;
}

/** Where an original was taken, as its camera wrote it. */
export interface Location {
  /** Degrees, WGS 84; north and east are positive. */
  readonly latitude: number;
  readonly longitude: number;
  /** Above sea level. */
  readonly altitudeMetres?: number | undefined;
}
