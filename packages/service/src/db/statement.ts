/**
 * One SQL statement with a name. Named statements are parsed and planned once per connection; behind a
 * transaction-pooling proxy, where a name may meet another connection, the pool sends them unnamed.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Declares a statement; its strategy is told in the header of the file that declares it. */
export function statement(name: string, text: string): Statement {
  return { name, text };
}
