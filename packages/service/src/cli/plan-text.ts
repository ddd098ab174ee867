import type { PlanReport, Resource, ScalingPoint } from '../fleet/index.ts';
import { drawTable } from './table.ts';

const RESOURCE_NAMES: Readonly<Record<Resource, string>> = {
  workers: 'workers',
  connections: 'database connections',
  claims: 'queue claims per second',
  storeWrites: 'object-store writes per second',
  network: "machines' network",
};

/** One column for each policy. */
export function drawReports(reports: readonly PlanReport[]): string {
  const row = (name: string, cell: (report: PlanReport) => string) => [name, ...reports.map(cell)];
  const lanes = (['live', 'normal', 'batch'] as const).filter((lane) => reports.some(({ waits }) => waits[lane]));
  const rows = [
    ...lanes.flatMap((lane) => [
      row(`wait in ${lane}: p50`, ({ waits }) => secondsText(waits[lane]?.p50Seconds)),
      row('  p95', ({ waits }) => secondsText(waits[lane]?.p95Seconds)),
      row('  p99', ({ waits }) => secondsText(waits[lane]?.p99Seconds)),
      row('  later than the objective', ({ waits }) => percent(waits[lane]?.lateShare ?? 0)),
    ]),
    row('utilisation', ({ utilisation }) => percent(utilisation)),
    row('machines at most', ({ machinesMax }) => String(machinesMax)),
    row('machine-hours', ({ machineHours }) => machineHours.toFixed(1)),
    row('  over-provisioned', ({ machineHoursOver }) => machineHoursOver.toFixed(1)),
    row('  under-provisioned', ({ machineHoursUnder }) => machineHoursUnder.toFixed(1)),
    row('cost', ({ cost }) => cost.toFixed(2)),
    row('changes of the fleet', ({ changes }) => String(changes)),
    ...(reports.some(({ jobsRunAgain }) => jobsRunAgain > 0)
      ? [row('jobs run again', ({ jobsRunAgain }) => String(jobsRunAgain))]
      : []),
    ...(reports.some(({ jobsLeft }) => jobsLeft > 0)
      ? [row('jobs left undone', ({ jobsLeft }) => String(jobsLeft))]
      : []),
    ...Object.entries(RESOURCE_NAMES).map(([resource, name]) =>
      row(`peak use: ${name}`, ({ resources }) => percent(resources[resource as Resource].peakShare)),
    ),
    row('first bottleneck', (report) => bottlenecks(report)[0] ?? 'none'),
    ...(reports.some((report) => bottlenecks(report).length > 1)
      ? [row('  then', (report) => bottlenecks(report).slice(1).join('; '))]
      : []),
  ];
  const [first] = reports;
  const head = `${first?.trace}: ${first?.jobs} jobs in ${spanText(first?.seconds ?? 0)}\n`;
  return `${head}\n${drawTable(['', ...reports.map(({ policy }) => policy)], rows)}`;
}

export function drawScaling(points: readonly ScalingPoint[]): string {
  const head = ['machines', 'jobs/s', 'jobs/s per machine', 'of the ideal', 'upkeep of the database', 'held back by'];
  const rows = points.map(
    ({ machines, jobsPerSecond, jobsPerSecondAndMachine, shareOfIdeal, upkeepShare, limitedBy }) => [
      String(machines),
      jobsPerSecond.toFixed(0),
      jobsPerSecondAndMachine.toFixed(2),
      percent(shareOfIdeal),
      percent(upkeepShare),
      limitedBy ? RESOURCE_NAMES[limitedBy] : '',
    ],
  );
  return drawTable(head, rows);
}

/** What was exhausted, in the order in which it was. */
function bottlenecks({ resources }: PlanReport): string[] {
  return Object.entries(RESOURCE_NAMES)
    .map(([resource, name]) => ({ name, at: resources[resource as Resource].exhaustedAtSeconds }))
    .filter((one): one is { name: string; at: number } => one.at !== null)
    .sort((a, b) => a.at - b.at)
    .map(({ name, at }) => `${name}, at ${spanText(at)}`);
}

function secondsText(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  if (seconds < 1) return `${(seconds * 1_000).toFixed(0)} ms`;
  return seconds < 600 ? `${seconds.toFixed(1)} s` : spanText(seconds);
}

function spanText(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7_200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3_600).toFixed(1)} h`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}
