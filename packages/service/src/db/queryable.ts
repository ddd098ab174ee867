import type { Statement } from './statement.ts';

/** A value that the driver encodes as a parameter. */
export type SqlValue = string | number | bigint | boolean | null | Date | Uint8Array | readonly SqlValue[];

export interface Queryable {
  /** Runs one statement and answers its rows; int8 as number, bytea as Buffer, timestamptz as Date. */
  query<Row>(sql: Statement | string, values?: readonly SqlValue[]): Promise<Row[]>;
}

export type Transaction = Queryable;

/** A transaction as whoever opened it has it. */
export interface OpenTransaction extends Transaction {
  /**
   * The same transaction, for statements whose answer nobody waits for: they answer no rows at once and travel with
   * what is sent next, at the latest with the commit. When one fails, the transaction does.
   */
  readonly later: Queryable;
}

/** A way to rows for those who change nothing. */
export interface Reads extends Queryable {
  /** Runs `work` in one transaction that sees `tenantId`'s rows alone; it may run twice, so it has no other effect. */
  asTenant<T>(tenantId: string, work: (tx: Transaction) => Promise<T>): Promise<T>;
}
