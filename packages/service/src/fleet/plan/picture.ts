import type { PlanReport, PlanSlice } from './model.ts';

const WIDTH = 960;
const PANEL = { left: 64, right: 936, height: 220, gap: 56, top: 64 } as const;
/** Told apart by people who do not see red and green (Okabe and Ito, 2008). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'] as const;
const DEMAND_COLOUR = '#e3e3e3';
const TICKS = 4;

interface Panel {
  readonly title: string;
  readonly top: number;
  readonly most: number;
  readonly seconds: number;
}

/** Draws reports over one trace above each other: workers ready against demand, jobs waiting, longest waits. */
export function drawPlans(reports: readonly PlanReport[]): string {
  const slices = reports.flatMap((report) => report.slices);
  const seconds = Math.max(1, ...slices.map(({ atSeconds }) => atSeconds));
  const panel = (index: number, title: string, of: (slice: PlanSlice) => number): Panel => ({
    title,
    top: PANEL.top + index * (PANEL.height + PANEL.gap),
    most: niceCeiling(slices.reduce((most, slice) => Math.max(most, of(slice)), 0)),
    seconds,
  });
  const workers = panel(0, 'workers ready (line), work that arrives (grey)', (slice) =>
    Math.max(slice.workersReady, slice.workersDemanded),
  );
  const queued = panel(1, 'jobs waiting', (slice) => slice.jobsQueued);
  const waits = panel(2, 'longest wait of live and normal jobs, seconds', (slice) => slice.waitSecondsMax);
  const height = waits.top + PANEL.height + PANEL.gap;
  const body = [
    ...legend(reports),
    ...frame(workers),
    area(workers, reports[0]?.slices ?? []),
    ...lines(workers, reports, (slice) => slice.workersReady),
    ...frame(queued),
    ...lines(queued, reports, (slice) => slice.jobsQueued),
    ...frame(waits),
    ...lines(waits, reports, (slice) => slice.waitSecondsMax),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13">`,
    // What screen readers tell, and browsers as a tooltip.
    `<title>${escapeXml(reports[0]?.trace ?? '')}: workers, jobs that wait and the longest wait, over time</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function legend(reports: readonly PlanReport[]): string[] {
  const [first] = reports;
  const title = `<text x="${PANEL.left}" y="22" font-size="16">${escapeXml(first?.trace ?? '')}: ${first?.jobs ?? 0} jobs</text>`;
  const names = reports.map(({ policy }, index) => {
    const x = PANEL.left + 320 + index * 180;
    return `<path d="M${x} 18h24" stroke="${colourOf(index)}" stroke-width="3"/><text x="${x + 32}" y="22">${escapeXml(policy)}</text>`;
  });
  return [title, ...names];
}

function frame({ title, top, most, seconds }: Panel): string[] {
  const bottom = top + PANEL.height;
  const marks: string[] = [`<text x="${PANEL.left}" y="${top - 8}" fill="#444">${title}</text>`];
  for (let tick = 0; tick <= TICKS; tick += 1) {
    const share = tick / TICKS;
    const y = bottom - share * PANEL.height;
    marks.push(`<path d="M${PANEL.left} ${y}H${PANEL.right}" stroke="#ddd"/>`);
    marks.push(`<text x="${PANEL.left - 8}" y="${y + 4}" text-anchor="end" fill="#444">${short(share * most)}</text>`);
    const x = PANEL.left + share * (PANEL.right - PANEL.left);
    marks.push(
      `<text x="${x}" y="${bottom + 18}" text-anchor="middle" fill="#444">${timeText(share * seconds)}</text>`,
    );
  }
  return marks;
}

function area(panel: Panel, slices: readonly PlanSlice[]): string {
  const points = slices.map((slice) => pointOf(panel, slice.atSeconds, slice.workersDemanded));
  const bottom = panel.top + PANEL.height;
  const lastX = slices.length > 0 ? pointOf(panel, slices.at(-1)?.atSeconds ?? 0, 0).split(' ')[0] : PANEL.left;
  return `<path d="M${PANEL.left} ${bottom}L${points.join('L')}L${lastX} ${bottom}Z" fill="${DEMAND_COLOUR}"/>`;
}

function lines(panel: Panel, reports: readonly PlanReport[], of: (slice: PlanSlice) => number): string[] {
  return reports.map(({ slices }, index) => {
    const points = slices.map((slice) => pointOf(panel, slice.atSeconds, of(slice)));
    return `<path d="M${points.join('L')}" fill="none" stroke="${colourOf(index)}" stroke-width="1.5"/>`;
  });
}

function pointOf({ top, most, seconds }: Panel, atSeconds: number, value: number): string {
  const x = PANEL.left + (atSeconds / seconds) * (PANEL.right - PANEL.left);
  const y = top + PANEL.height - (Math.min(value, most) / most) * PANEL.height;
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? COLOURS[0];
}

/** 1, 2, 4 or 8 times a power of ten, so that quarters of it are short numbers. */
function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 8, 10].find((times) => times * power >= value) ?? 10) * power;
}

function short(value: number): string {
  return value >= 1_000 ? `${Number((value / 1_000).toPrecision(3))}k` : String(Number(value.toPrecision(3)));
}

function timeText(seconds: number): string {
  if (seconds >= 3 * 3_600) return `${Number((seconds / 3_600).toFixed(1))} h`;
  return seconds >= 180 ? `${Number((seconds / 60).toFixed(1))} min` : `${Number(seconds.toFixed(1))} s`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
