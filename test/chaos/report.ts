import type { Strike } from './monkey.ts';
import type { ChaosReport } from './run.ts';
import { FAULTS, type Fault } from './verdict.ts';

/** What the kinds of strike do, and which of them take down what part, for the recovery times. */
export interface Legend<Kind extends string> {
  readonly kinds: Readonly<Record<Kind, string>>;
  readonly parts: Readonly<Record<string, readonly Kind[]>>;
}

const VIOLATIONS_SHOWN_MAX = 40;

/** The table at the end of a run. */
export function tableOf<Kind extends string>(report: ChaosReport<Kind>, { kinds, parts }: Legend<Kind>): string {
  const { strikes, history, verdict } = report;
  const kills = strikes.reduce((sum, strike) => sum + strike.kills, 0);
  const midJob = strikes.filter((strike) => strike.midJob).length;
  const figure = (what: string) => verdict.counts.get(what) ?? 0;
  const lines = [
    `seed ${report.seed}, ${report.minutes.toFixed(1)} minutes, ${strikes.length} strikes with ${kills} kills, ` +
      `${midJob} of them of a worker with a job`,
    '',
    ...killLines(strikes, kinds),
    '',
    ...recoveryLines(strikes, parts),
    '',
    `answers: ${[...history.answers].map(([answer, count]) => `${answer} × ${count}`).join(', ')}`,
    `uploads acknowledged ${history.uploads.filter(({ acknowledged }) => acknowledged).length} of ${history.uploads.length}, ` +
      `deletions acknowledged ${history.uploads.filter(({ deletion }) => deletion === 'acknowledged').length}`,
    `quarantined, then ready ${figure('quarantined')}`,
    ...[...verdict.counts].map(([what, count]) => `${what} ${count}`),
    '',
    ...(Object.keys(FAULTS) as Fault[]).map(
      (fault) => `${fault.padEnd(11)}${String(verdict.of(fault).length).padStart(5)}   ${FAULTS[fault]}`,
    ),
    ...verdict.violations.slice(0, VIOLATIONS_SHOWN_MAX).map(({ fault, what }) => `! ${fault}: ${what}`),
  ];
  if (report.data !== undefined) lines.push(`the data folder is kept: ${report.data}`);
  return lines.join('\n');
}

function killLines<Kind extends string>(strikes: readonly Strike<Kind>[], kinds: Legend<Kind>['kinds']): string[] {
  return (Object.keys(kinds) as Kind[])
    .map((kind) => ({ kind, count: strikes.filter((strike) => strike.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${kind.padEnd(15)}${String(count).padStart(5)}   ${kinds[kind]}`);
}

function recoveryLines<Kind extends string>(strikes: readonly Strike<Kind>[], parts: Legend<Kind>['parts']): string[] {
  return Object.entries<readonly Kind[]>(parts).flatMap(([part, kinds]) => {
    const times = strikes
      .filter(({ kind, recoveryMs }) => kinds.includes(kind) && recoveryMs !== undefined)
      .map(({ recoveryMs }) => recoveryMs ?? 0)
      .sort((a, b) => a - b);
    if (times.length === 0) return [];
    const [p50, max] = [times[Math.floor(times.length / 2)] ?? 0, times.at(-1) ?? 0];
    return [
      `${part.padEnd(15)} stands again after ${p50.toFixed(0)} ms (p50), ${max.toFixed(0)} ms (max), n = ${times.length}`,
    ];
  });
}
