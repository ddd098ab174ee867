import type { ReactNode } from 'react';
import { clockTime, type Decision } from '../fleet-history.ts';
import { formatSeconds, sizeText, wayOf, whyText } from '../fleet-words.ts';
import type { FleetSight } from '../use-fleet.ts';

interface FleetDecisionProps {
  readonly scaling: FleetSight['scaling'];
  readonly decision: Decision | undefined;
}

/** The last decision, why it was made, and all that it was made of. */
export function FleetDecision({ scaling, decision }: FleetDecisionProps) {
  const { leader, pool } = scaling;
  return (
    <section className="fleet-panel" aria-labelledby="fleet-decision">
      <h2 id="fleet-decision">How many workers, and why</h2>
      {leader === undefined && (
        <p className="fleet-warning">
          No node decides: start one with the role <code>scaler</code>.
        </p>
      )}
      {decision && (
        <>
          <div className="fleet-now">
            <p className={`fleet-size fleet-size-${wayOf(decision)}`}>
              <b>{sizeText(decision)}</b> <span>{decision.workers === 1 ? 'worker' : 'workers'} wanted</span>
            </p>
            <p className="fleet-why">{whyText(decision)}</p>
          </div>
          <Inputs decision={decision} policy={scaling.policy} />
          <p className="fleet-note">
            Decided at {clockTime(Date.parse(decision.at))} by {decision.node}
            {pool !== undefined && (pool === 'none' ? '; it orders no machines itself' : `; machines: ${pool}`)}.
          </p>
        </>
      )}
    </section>
  );
}

function Inputs({ decision, policy }: { decision: Decision; policy: FleetSight['scaling']['policy'] }) {
  const { observations: seen, workersNeeded, drainSeconds } = decision;
  const { live, normal, batch } = seen.workSecondsQueued;
  const oldest = seen.waitSecondsOldest;
  const objective = policy?.waitSecondsObjective;
  const batchArriving = seen.workSecondsArrivingBatch ?? 0;
  const paid = seen.workersReady + seen.workersStarting + seen.workersDraining;
  const asWell = [
    seen.workersStarting > 0 && `${seen.workersStarting} starting`,
    seen.workersDraining > 0 && `${seen.workersDraining} draining`,
  ].filter((text) => text !== false);
  return (
    <dl className="fleet-inputs">
      <Input name="Running" more={asWell.join(', ') || `${Math.round(seen.busyShare * 100)} % busy`}>
        {seen.workersReady}
      </Input>
      <Input name="The signal asks for" more={policy && `${policy.workersMin} to ${policy.workersMax} allowed`}>
        {workersNeeded}
      </Input>
      <Input name="Drains in" more={objective && `${formatSeconds(objective.normal)} wished for`}>
        {formatSeconds(drainSeconds)}
      </Input>
      <Input name="Waiting" more={`${formatSeconds(live + normal)} of work, ${formatSeconds(batch)} in batch`}>
        {seen.jobsQueued} {seen.jobsQueued === 1 ? 'job' : 'jobs'}
      </Input>
      <Input name="Waits longest" more={`in batch ${formatSeconds(oldest.batch)}`}>
        {formatSeconds(Math.max(oldest.live, oldest.normal))}
      </Input>
      <Input
        name="Arriving"
        more={batchArriving > 0 ? `${batchArriving.toFixed(2)} of it in batch` : 'seconds of work a second'}
      >
        {seen.workSecondsArriving.toFixed(2)}
      </Input>
      <Input name="A worker’s speed" more={`starts in ${formatSeconds(seen.startSeconds)}`}>
        {seen.workSecondsPerSecond.toFixed(2)}
      </Input>
      <Input name="Database connections" more={`of ${seen.databaseConnectionsMax}`}>
        {seen.databaseConnectionsUsed}
      </Input>
      {seen.costPerWorkerHour > 0 && (
        <Input name="Costs per hour" more={`${seen.costPerWorkerHour} each`}>
          {(paid * seen.costPerWorkerHour).toFixed(2)}
        </Input>
      )}
    </dl>
  );
}

function Input({ name, children, more }: { name: string; children: ReactNode; more?: string | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <b>{children}</b>
        {more !== undefined && <span>{more}</span>}
      </dd>
    </div>
  );
}
