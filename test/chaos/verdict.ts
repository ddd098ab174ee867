/** How a promise can be found broken. */
export const FAULTS = {
  lost: 'acknowledged and not there',
  altered: 'there with other bytes',
  stuck: 'pending, or a job that never ends',
  failed: 'failed for no reason that a person could act on',
  duplicated: 'two effects of one request',
  undead: 'deleted and still delivered',
  orphan: 'rows, objects or files that belong to nothing',
  event: 'history that does not tell what happened, once',
  answer: 'an answer that no kill excuses',
  died: 'a node that ended though nobody told or killed it',
  remains: 'processes or files after the end',
} as const;
export type Fault = keyof typeof FAULTS;

export interface Violation {
  readonly fault: Fault;
  readonly what: string;
}

/** What the checks found, and what they looked at. */
export class Verdict {
  readonly violations: Violation[] = [];
  /** Figures for the table: how many uploads were looked at, how many objects swept, … */
  readonly counts = new Map<string, number>();

  add(fault: Fault, what: string): void {
    this.violations.push({ fault, what });
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  of(fault: Fault): Violation[] {
    return this.violations.filter((violation) => violation.fault === fault);
  }
}
