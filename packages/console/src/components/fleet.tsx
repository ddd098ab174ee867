import type { SafelightError } from '@safelight/sdk';
import { useCallback, useState } from 'react';
import { refusalText } from '../fleet-words.ts';
import { useFleet } from '../use-fleet.ts';
import { troubleOf } from '../words.ts';
import { FleetChart } from './fleet-chart.tsx';
import { FleetDecision } from './fleet-decision.tsx';
import { FleetKey } from './fleet-key.tsx';
import { FleetNodes } from './fleet-nodes.tsx';
import { FleetReasons } from './fleet-reasons.tsx';
import { Header } from './header.tsx';
import { Icon } from './icon.tsx';

/** Where the key is kept: as long as the tab lives, and for no other page. */
const KEPT_AS = 'safelight.operator-key';

/** What the operator sees: machines, what the autoscaler decides, and why. */
export function FleetPage() {
  const [key, setKey] = useState(() => sessionStorage.getItem(KEPT_AS) ?? undefined);
  const [refusal, setRefusal] = useState<string>();
  const open = useCallback((given: string) => {
    sessionStorage.setItem(KEPT_AS, given);
    setRefusal(undefined);
    setKey(given);
  }, []);
  const close = useCallback((error?: SafelightError) => {
    sessionStorage.removeItem(KEPT_AS);
    setRefusal(error && refusalText(error));
    setKey(undefined);
  }, []);
  return (
    <>
      <Header session={undefined} />
      <main className="main fleet">
        {key === undefined ? (
          <FleetKey refusal={refusal} onOpen={open} />
        ) : (
          <FleetSight operatorKey={key} onClose={close} />
        )}
      </main>
    </>
  );
}

interface FleetSightProps {
  readonly operatorKey: string;
  readonly onClose: (error?: SafelightError) => void;
}

function FleetSight({ operatorKey, onClose }: FleetSightProps) {
  const { sight, lost } = useFleet(operatorKey, onClose);
  return (
    <>
      <div className="fleet-head">
        <h1>The fleet</h1>
        <button type="button" className="text-button" onClick={() => onClose()}>
          Forget the key
        </button>
      </div>
      {lost !== undefined && (
        <div className="notice" role="alert">
          <Icon name="warning" />
          <p>
            {troubleOf(lost).text} <span>This page tries again by itself.</span>
          </p>
        </div>
      )}
      {sight ? (
        <>
          <FleetDecision scaling={sight.scaling} decision={sight.decisions[0]} />
          <FleetChart decisions={sight.decisions} policy={sight.scaling.policy} />
          <FleetNodes nodes={sight.nodes} more={sight.more} leader={sight.scaling.leader} />
          <FleetReasons decisions={sight.history} />
        </>
      ) : (
        lost === undefined && <p className="sheet-opening">Looking at the fleet…</p>
      )}
    </>
  );
}
