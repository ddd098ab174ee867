/** An immutable object on its way to a client. */
export interface Deliverable {
  readonly objectKey: string;
  /** 32 bytes. */
  readonly sha256: Uint8Array;
  readonly bytes: number;
  readonly format: string;
  readonly filename: string | undefined;
  /** Bytes as a stranger sent them, not as our encoder wrote them. */
  readonly isUploaded: boolean;
}
