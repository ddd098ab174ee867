import { useRef } from 'react';
import { axisMax, clockTime, type Decision, type Point, series, stepPath } from '../fleet-history.ts';
import { formatSeconds } from '../fleet-words.ts';
import type { FleetSight } from '../use-fleet.ts';
import { useWidth } from '../use-width.ts';

interface FleetChartProps {
  /** The newest first. */
  readonly decisions: readonly Decision[];
  readonly policy: FleetSight['scaling']['policy'];
}

/** Pixels: left of the plot its scale, below it the time. */
const EDGE = { left: 44, right: 10, top: 10, bottom: 22 } as const;
const HEIGHT = 150;
/** Between two times below the plot. */
const TICK_PX = 130;

/** Workers wanted and running, and below it how long the backlog takes to drain. */
export function FleetChart({ decisions, policy }: FleetChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  if (decisions.length < 2) return null;
  const wanted = series(decisions, ({ workers }) => workers);
  const running = series(decisions, ({ observations }) => observations.workersReady);
  const drain = series(decisions, ({ drainSeconds }) => drainSeconds);
  const objective = policy?.waitSecondsObjective.normal;
  const span = `${clockTime(wanted[0]?.at ?? 0)} to ${clockTime(wanted.at(-1)?.at ?? 0)}`;
  return (
    <section className="fleet-panel" aria-labelledby="fleet-chart">
      <h2 id="fleet-chart">Since {clockTime(wanted[0]?.at ?? 0)}</h2>
      <div ref={frame} className="fleet-charts">
        <Legend entries={['wanted', 'running']} title="Workers" />
        <Plot
          width={width}
          lines={[
            { name: 'running', points: running },
            { name: 'wanted', points: wanted },
          ]}
          most={axisMax(mostOf([...wanted, ...running]))}
          unit={String}
          label={`Workers, ${span}: at most ${mostOf(wanted)} wanted and ${mostOf(running)} running, now ${wanted.at(-1)?.value} and ${running.at(-1)?.value}.`}
        />
        <Legend entries={objective === undefined ? ['drain'] : ['drain', 'objective']} title="The backlog drains in" />
        <Plot
          width={width}
          lines={[{ name: 'drain', points: drain }]}
          most={axisMax(Math.max(mostOf(drain), (objective ?? 0) * 1.2))}
          unit={formatSeconds}
          mark={objective}
          label={`Seconds until what waits is done, ${span}: at most ${formatSeconds(mostOf(drain))}, now ${formatSeconds(drain.at(-1)?.value ?? null)}${objective === undefined ? '' : `; ${formatSeconds(objective)} are wished for`}.`}
        />
      </div>
    </section>
  );
}

const LEGEND = {
  wanted: 'wanted',
  running: 'running',
  drain: 'at the present speed',
  objective: 'wished for at most',
} as const;

function Legend({ entries, title }: { entries: readonly (keyof typeof LEGEND)[]; title: string }) {
  return (
    <p className="fleet-legend">
      <b>{title}</b>
      {entries.map((entry) => (
        <span key={entry}>
          <svg width="22" height="8" aria-hidden="true">
            <path className={`fleet-line fleet-line-${entry}`} d="M1 4H21" />
          </svg>
          {LEGEND[entry]}
        </span>
      ))}
    </p>
  );
}

interface PlotProps {
  readonly width: number;
  readonly lines: readonly { readonly name: string; readonly points: readonly Point[] }[];
  readonly most: number;
  readonly unit: (value: number) => string;
  /** A level to be seen beside the lines. */
  readonly mark?: number | undefined;
  readonly label: string;
}

function Plot({ width, lines, most, unit, mark, label }: PlotProps) {
  const points = lines[0]?.points ?? [];
  const [from, to] = [points[0]?.at ?? 0, points.at(-1)?.at ?? 1];
  const right = width - EDGE.right;
  const bottom = HEIGHT - EDGE.bottom;
  const x = (at: number) => EDGE.left + ((at - from) / Math.max(1, to - from)) * (right - EDGE.left);
  const y = (value: number) => bottom - (value / most) * (bottom - EDGE.top);
  const ticks = Math.max(1, Math.floor((right - EDGE.left) / TICK_PX));
  const times = Array.from({ length: ticks + 1 }, (_, index) => from + ((to - from) * index) / ticks);
  return (
    <svg className="fleet-plot" width={width} height={HEIGHT} role="img" aria-label={label}>
      {[0, most / 2, most].map((value) => (
        <g key={value}>
          <path className="fleet-grid" d={`M${EDGE.left} ${y(value)}H${right}`} />
          <text x={EDGE.left - 8} y={y(value)} dy="0.32em" textAnchor="end">
            {unit(value)}
          </text>
        </g>
      ))}
      {times.map((at, index) => (
        <text key={at} x={x(at)} y={HEIGHT - 5} textAnchor={index === 0 ? 'start' : index === ticks ? 'end' : 'middle'}>
          {clockTime(at)}
        </text>
      ))}
      {mark !== undefined && (
        <path className="fleet-line fleet-line-objective" d={`M${EDGE.left} ${y(mark)}H${right}`} />
      )}
      {lines.map(({ name, points: line }) => (
        <path key={name} className={`fleet-line fleet-line-${name}`} d={stepPath(line, x, y)} />
      ))}
    </svg>
  );
}

function mostOf(points: readonly Point[]): number {
  return points.reduce((most, { value }) => Math.max(most, value ?? 0), 0);
}
