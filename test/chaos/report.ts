import { STRIKE_KINDS, type Strike, type StrikeKind } from './monkey.ts';
import type { ChaosReport } from './run.ts';
import { FAULTS, type Fault } from './verdict.ts';

/** Which part a kind of strike takes down, for the recovery times. */
const PARTS: Readonly<Record<string, readonly StrikeKind[]>> = {
  worker: ['worker', 'poison', 'probe'],
  PostgreSQL: ['postmaster', 'backend', 'commit'],
  node: ['node', 'start', 'everything'],
};
const VIOLATIONS_SHOWN_MAX = 40;

/** The table at the end of a run. */
export function tableOf(report: ChaosReport): string {
  const { strikes, history, verdict } = report;
  const kills = strikes.reduce((sum, strike) => sum + strike.kills, 0);
  const midJob = strikes.filter((strike) => strike.midJob).length;
  const figure = (what: string) => verdict.counts.get(what) ?? 0;
  const lines = [
    `seed ${report.seed}, ${report.minutes.toFixed(1)} minutes, ${kills} kills, ${midJob} of them of a worker with a job`,
    '',
    ...killLines(strikes),
    '',
    ...recoveryLines(strikes),
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

function killLines(strikes: readonly Strike[]): string[] {
  return (Object.keys(STRIKE_KINDS) as StrikeKind[])
    .map((kind) => ({ kind, count: strikes.filter((strike) => strike.kind === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }) => `${kind.padEnd(11)}${String(count).padStart(5)}   ${STRIKE_KINDS[kind]}`);
}

function recoveryLines(strikes: readonly Strike[]): string[] {
  return Object.entries(PARTS).flatMap(([part, kinds]) => {
    const times = strikes
      .filter(({ kind, recoveryMs }) => kinds.includes(kind) && recoveryMs !== undefined)
      .map(({ recoveryMs }) => recoveryMs ?? 0)
      .sort((a, b) => a - b);
    if (times.length === 0) return [];
    const [p50, max] = [times[Math.floor(times.length / 2)] ?? 0, times.at(-1) ?? 0];
    return [
      `${part.padEnd(11)} stands again after ${p50.toFixed(0)} ms (p50), ${max.toFixed(0)} ms (max), n = ${times.length}`,
    ];
  });
}
