import type { Webhook } from '@safelight/contract';
import { useId, useState } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { webhookFacts } from '../webhook-words.ts';
import { ConfirmButton } from './confirm-button.tsx';
import { WebhookDeliveries } from './webhook-deliveries.tsx';

interface WebhookRowProps {
  readonly webhook: Webhook;
  readonly darkroom: Darkroom;
  /** @returns whether a message was sent. */
  readonly onTest: () => Promise<boolean>;
  readonly onRotate: () => void;
  readonly onState: (state: Webhook['state']) => void;
  readonly onRemove: () => void;
}

export function WebhookRow({ webhook, darkroom, onTest, onRotate, onState, onRemove }: WebhookRowProps) {
  const [isOpen, setOpen] = useState(false);
  const panel = useId();
  const { url, description, state, eventTypes } = webhook;
  const isEnabled = state === 'enabled';
  // What became of the test is seen below.
  const test = async () => (await onTest()) && setOpen(true);
  return (
    <li className="webhook">
      <div className="desk-row">
        <div className="desk-row-words">
          <b>{description || url}</b> {!isEnabled && <span className="desk-state">disabled</span>}
          {description && <span className="desk-facts">{url}</span>}
          <span className="desk-facts" title={eventTypes?.join(', ')}>
            {webhookFacts(webhook)}
          </span>
        </div>
        <div className="desk-row-buttons webhook-buttons">
          <button
            type="button"
            className="text-button"
            aria-expanded={isOpen}
            aria-controls={panel}
            onClick={() => setOpen(!isOpen)}
          >
            Deliveries
          </button>
          {isEnabled && (
            <button type="button" className="text-button" onClick={() => void test()}>
              Test
            </button>
          )}
          <button
            type="button"
            className="text-button"
            onClick={onRotate}
            title="A new secret; the old one signs for a day too"
          >
            New secret
          </button>
          <button type="button" className="text-button" onClick={() => onState(isEnabled ? 'disabled' : 'enabled')}>
            {isEnabled ? 'Disable' : 'Enable'}
          </button>
          <ConfirmButton text="Remove" really="Really remove" onConfirm={onRemove} />
        </div>
      </div>
      <div id={panel} hidden={!isOpen}>
        {isOpen && <WebhookDeliveries webhook={webhook} darkroom={darkroom} />}
      </div>
    </li>
  );
}
