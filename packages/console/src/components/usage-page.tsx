import type { Session, Usage } from '@safelight/contract';
import { useCallback, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { formatSeconds } from '../fleet-words.ts';
import { formatMoney, METER_NAMES, METERS, monthBegin, monthName } from '../usage-words.ts';
import { useAsked } from '../use-asked.ts';
import { formatBytes } from '../words.ts';
import { BudgetPanel } from './budget-panel.tsx';
import { DeskTrouble } from './desk-trouble.tsx';
import { Icon } from './icon.tsx';
import { UsageChart } from './usage-chart.tsx';
import { UsageDays } from './usage-days.tsx';

/** What the tenant uses, what that costs, and its ceiling. */
export function UsagePage({ darkroom, session }: { darkroom: Darkroom; session: Session }) {
  /** The beginning of a month that is over; undefined: the one under way. */
  const [past, setPast] = useState<string>();
  const ask = useCallback(
    () =>
      darkroom.within(() =>
        darkroom.client.usage.get(past === undefined ? {} : { from: past, to: monthBegin(past, 1) }),
      ),
    [darkroom, past],
  );
  const { found: usage, trouble, again } = useAsked(ask);
  return (
    <section className="desk" aria-labelledby="usage-title">
      <h1 id="usage-title">Usage</h1>
      {trouble && <DeskTrouble trouble={trouble} onRetry={() => void again()} />}
      {!usage && !trouble && <p className="desk-words">Reading the meters…</p>}
      {usage && (
        <>
          <MonthChoice usage={usage} onChoose={setPast} />
          <Figures usage={usage} />
          <UsageChart usage={usage} />
          <UsageDays usage={usage} />
        </>
      )}
      <BudgetPanel darkroom={darkroom} mayChange={session.scopes.includes('budget:manage')} />
    </section>
  );
}

/** @param onChoose takes the beginning of a month that is over, and undefined for the one under way. */
function MonthChoice({ usage, onChoose }: { usage: Usage; onChoose: (past: string | undefined) => void }) {
  const shown = monthBegin(usage.from, 0);
  const isNow = shown === monthBegin(usage.month.from, 0);
  const later = monthBegin(shown, 1);
  return (
    <div className="usage-month">
      <button
        type="button"
        className="icon-button"
        aria-label="The month before"
        onClick={() => onChoose(monthBegin(shown, -1))}
      >
        <Icon name="previous" />
      </button>
      <h2 aria-live="polite">{monthName(shown)}</h2>
      <button
        type="button"
        className="icon-button"
        aria-label="The month after"
        disabled={isNow}
        onClick={() => onChoose(later === monthBegin(usage.month.from, 0) ? undefined : later)}
      >
        <Icon name="next" />
      </button>
      <span>{isNow ? 'so far; days begin at midnight UTC' : 'days begin at midnight UTC'}</span>
    </div>
  );
}

function Figures({ usage }: { usage: Usage }) {
  const { currency, total, month } = usage;
  const isNow = monthBegin(usage.from, 0) === monthBegin(month.from, 0);
  return (
    <>
      <dl className="usage-cost">
        <div>
          <dt>{isNow ? 'Cost to date' : 'Cost'}</dt>
          <dd>{formatMoney(total.costMicros, currency)}</dd>
        </div>
        {isNow && (
          <div>
            <dt>Forecast for the month</dt>
            <dd>
              {formatMoney(month.forecastMicros, currency)}
              <small>as in the last {formatSpan(month.forecastOverSeconds)}</small>
            </dd>
          </div>
        )}
      </dl>
      <dl className="fleet-inputs usage-meters">
        {METER_NAMES.filter((meter) => meter !== 'costMicros').map((meter) => (
          <div key={meter} title={METERS[meter].title}>
            <dt>{METERS[meter].name}</dt>
            <dd>
              <b>{METERS[meter].format(total[meter], currency)}</b>
            </dd>
          </div>
        ))}
        <div title="Originals and renditions together.">
          <dt>Stored now</dt>
          <dd>
            <b>{formatBytes(month.storedBytes)}</b>
          </dd>
        </div>
      </dl>
    </>
  );
}

function formatSpan(seconds: number): string {
  const days = Math.round(seconds / 86_400);
  return days >= 2 ? `${days} days` : formatSeconds(seconds);
}
