/**
 * One SQL statement with a name. Behind a transaction-pooling proxy, where a name may meet another connection, the pool
 * sends them unnamed.
 */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Whether a connection keeps its plan. */
  readonly isKept: boolean;
}

/**
 * Declares a statement; its strategy is told in the header of the file that declares it. It is planned anew each time:
 * tables here grow from nothing to millions of rows within minutes, and a plan made before would read them whole.
 */
export function statement(name: string, text: string): Statement {
  return { name, text, isKept: false };
}

/**
 * Declares a statement of the hot path whose plan a connection keeps for some seconds, because there is but one good way
 * to run it: inserts, and look-ups by a whole key. Planning all of them anew took 5.7 of 15 ms of PostgreSQL's CPU per
 * picture. PostgreSQL keeps a plan when those made for the values are not cheaper: an array of few elements makes them
 * look so, each time, unless the planner does not see its length, as in `(SELECT $1::text[])`.
 */
export function hotStatement(name: string, text: string): Statement {
  return { name, text, isKept: true };
}
