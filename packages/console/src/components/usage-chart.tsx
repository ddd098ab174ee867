import type { Usage } from '@safelight/contract';
import { useRef, useState } from 'react';
import { dayName, daysOf, METER_NAMES, METERS, type Meter } from '../usage-words.ts';
import { useWidth } from '../use-width.ts';

/** Pixels: left of the bars their scale, below them the days. */
const EDGE = { left: 64, right: 2, top: 10, bottom: 22 } as const;
const HEIGHT = 170;
const DAY_MS = 86_400_000;
/** Between two days that are named below the bars. */
const NAMED_PX = 70;
const BAR_PX_MIN = 1.5;

/** One bar for each day of the month, of a meter that is chosen. */
export function UsageChart({ usage }: { usage: Usage }) {
  const [meter, setMeter] = useState<Meter>('requests');
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  return (
    <div className="usage-chart">
      <label>
        By day{' '}
        <select className="field-small" value={meter} onChange={(event) => setMeter(event.target.value as Meter)}>
          {METER_NAMES.map((name) => (
            <option key={name} value={name}>
              {METERS[name].name}
            </option>
          ))}
        </select>
      </label>
      <div ref={frame} className="usage-plot">
        <Bars usage={usage} meter={meter} width={width} />
      </div>
    </div>
  );
}

function Bars({ usage, meter, width }: { usage: Usage; meter: Meter; width: number }) {
  const { from, currency } = usage;
  const { name, axis } = METERS[meter];
  const format = (value: number) => METERS[meter].format(value, currency);
  const days = daysOf(usage, meter);
  const most = Math.max(0, ...days.map((value) => value ?? 0));
  const end = axis(most);
  const bottom = HEIGHT - EDGE.bottom;
  const slot = (width - EDGE.left - EDGE.right) / days.length;
  const bar = Math.max(BAR_PX_MIN, slot * 0.72);
  const y = (value: number) => bottom - (value / end) * (bottom - EDGE.top);
  const every = Math.max(1, Math.ceil(NAMED_PX / slot));
  const nameOf = (day: number) => dayName(new Date(Date.parse(from) + day * DAY_MS).toISOString());
  const best = days.lastIndexOf(most);
  const label = `${name} by day: ${most === 0 ? 'none yet' : `at most ${format(most)}, on ${nameOf(best)}`}.`;
  return (
    <svg className="fleet-plot" width={width} height={HEIGHT} role="img" aria-label={label}>
      {[0, end / 2, end].map((value) => (
        <g key={value}>
          <path className="fleet-grid" d={`M${EDGE.left} ${y(value)}H${width - EDGE.right}`} />
          <text x={EDGE.left - 8} y={y(value)} dy="0.32em" textAnchor="end">
            {format(value)}
          </text>
        </g>
      ))}
      {days.map((value, day) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a day of the month is its index.
        <g key={day}>
          {value !== null && value > 0 && (
            <rect
              className="usage-bar"
              x={EDGE.left + day * slot + (slot - bar) / 2}
              y={Math.min(y(value), bottom - 1)}
              width={bar}
              height={Math.max(1, bottom - y(value))}
              rx={Math.min(2, bar / 3)}
            >
              <title>{`${nameOf(day)}: ${format(value)}`}</title>
            </rect>
          )}
          {day % every === 0 && day + every / 2 <= days.length && (
            <text x={EDGE.left + day * slot + slot / 2} y={HEIGHT - 5} textAnchor="middle">
              {nameOf(day)}
            </text>
          )}
        </g>
      ))}
    </svg>
  );
}
