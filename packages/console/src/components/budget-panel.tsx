import type { Budget } from '@safelight/contract';
import { type FormEvent, useCallback, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { amountText, budgetShares, formatMoney, microsOf, POLICY_WORDS, standingText } from '../usage-words.ts';
import { useAsked } from '../use-asked.ts';
import { troubleOf } from '../words.ts';
import { DeskTrouble } from './desk-trouble.tsx';

interface BudgetPanelProps {
  readonly darkroom: Darkroom;
  readonly mayChange: boolean;
}

/** The ceiling of what may be spent in a month, how far it is to it, and the form that sets it. */
export function BudgetPanel({ darkroom, mayChange }: BudgetPanelProps) {
  const ask = useCallback(() => darkroom.within(() => darkroom.client.budget.get()), [darkroom]);
  const { found: budget, trouble, again } = useAsked(ask);
  return (
    <section className="fleet-panel budget" aria-labelledby="budget-title">
      <h2 id="budget-title">Budget</h2>
      {trouble && <DeskTrouble trouble={trouble} onRetry={() => void again()} />}
      {budget && <Standing budget={budget} />}
      {budget && mayChange && (
        <BudgetForm
          // Bounds that were set elsewhere meanwhile are shown, not written over.
          key={`${budget.softMicros} ${budget.hardMicros}`}
          budget={budget}
          darkroom={darkroom}
          onChanged={again}
        />
      )}
    </section>
  );
}

function Standing({ budget }: { budget: Budget }) {
  const { currency, softMicros, hardMicros, meteredMicros, reservedMicros, standing, policy } = budget;
  const isBounded = softMicros !== null || hardMicros !== null;
  const facts = [
    ['Spent', formatMoney(meteredMicros, currency)],
    ['Ordered, not yet metered', formatMoney(reservedMicros, currency)],
    ['Alert at', softMicros === null ? 'none' : formatMoney(softMicros, currency)],
    ['Stop at', hardMicros === null ? 'none' : formatMoney(hardMicros, currency)],
  ] as const;
  return (
    <>
      <p className={`budget-standing budget-standing-${standing}`}>{standingText(budget)}</p>
      {isBounded && <BudgetBar budget={budget} />}
      {isBounded && (
        <dl className="fleet-inputs">
          {facts.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                <b>{value}</b>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {hardMicros !== null && <p className="desk-words budget-policy">{POLICY_WORDS[policy]}</p>}
    </>
  );
}

/** How far it is to the bounds. */
function BudgetBar({ budget }: { budget: Budget }) {
  const { metered, committed, soft, hard } = budgetShares(budget);
  const { currency, meteredMicros, reservedMicros, softMicros, hardMicros } = budget;
  const spent = formatMoney(meteredMicros + reservedMicros, currency);
  const bounds = [
    ...(softMicros === null ? [] : [`the alert is at ${formatMoney(softMicros, currency)}`]),
    ...(hardMicros === null ? [] : [`the stop at ${formatMoney(hardMicros, currency)}`]),
  ];
  const percent = (share: number) => `${share * 100}%`;
  return (
    <svg className="budget-bar" role="img" aria-label={`${spent} spent or ordered; ${bounds.join(', ')}.`}>
      <rect className="budget-bar-all" width="100%" height="12" y="4" rx="6" />
      <rect className="budget-bar-committed" width={percent(committed)} height="12" y="4" rx="6" />
      <rect className="budget-bar-metered" width={percent(metered)} height="12" y="4" rx="6" />
      {soft !== undefined && (
        <line className="budget-mark budget-mark-soft" x1={percent(soft)} x2={percent(soft)} y1="0" y2="20" />
      )}
      {hard !== undefined && hard < 1 && (
        <line className="budget-mark" x1={percent(hard)} x2={percent(hard)} y1="0" y2="20" />
      )}
    </svg>
  );
}

interface BudgetFormProps {
  readonly budget: Budget;
  readonly darkroom: Darkroom;
  readonly onChanged: () => Promise<void>;
}

function BudgetForm({ budget: { currency, softMicros, hardMicros }, darkroom, onChanged }: BudgetFormProps) {
  const [fault, setFault] = useState<string>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const [soft, hard] = [microsOf(String(fields.get('soft'))), microsOf(String(fields.get('hard')))];
    if (soft === undefined || hard === undefined) return setFault('Write an amount such as 25 or 12.50, or nothing.');
    if (soft !== null && hard !== null && soft > hard) return setFault('The alert must not lie above the stop.');
    setFault(undefined);
    try {
      await darkroom.within(() => darkroom.client.budget.set({ softMicros: soft, hardMicros: hard }));
      darkroom.store.say('Saved. It holds everywhere within five seconds.');
    } catch (error) {
      return setFault(troubleOf(error).text);
    }
    await onChanged();
  };
  return (
    <form className="budget-form" onSubmit={(event) => void submit(event)}>
      <label>
        Alert at, {currency} a month
        <input
          name="soft"
          inputMode="decimal"
          autoComplete="off"
          placeholder="none"
          defaultValue={amountText(softMicros)}
        />
      </label>
      <label>
        Stop at, {currency} a month
        <input
          name="hard"
          inputMode="decimal"
          autoComplete="off"
          placeholder="none"
          defaultValue={amountText(hardMicros)}
        />
      </label>
      <button type="submit" className="button button-primary">
        Set the budget
      </button>
      {fault && (
        <p className="budget-fault" role="alert">
          {fault}
        </p>
      )}
    </form>
  );
}
