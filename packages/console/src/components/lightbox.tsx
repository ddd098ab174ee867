import type { Rendition } from '@safelight/contract';
import { useEffect } from 'react';
import type { Card, ImageCard } from '../state.ts';
import { formatBytes, formatSize, inOrder, nameOf, renditionName } from '../words.ts';
import type { Shown } from './card-actions.ts';
import { Icon } from './icon.tsx';
import { Modal } from './modal.tsx';

interface LightboxProps {
  readonly shown: Shown | undefined;
  readonly cards: readonly Card[];
  readonly onShow: (shown: Shown | undefined) => void;
  readonly onCopy: (text: string) => void;
}

/** One rendition in its own size, and the way to its neighbours: arrow keys, or the buttons. */
export function Lightbox({ shown, cards, onShow, onCopy }: LightboxProps) {
  const card = cards.find(({ key }) => key === shown?.key);
  if (!shown || card?.step !== 'accepted') return null;
  const ready = inOrder(card.image.renditions).filter(({ state }) => state === 'ready');
  const index = ready.findIndex(({ id }) => id === shown.renditionId);
  const rendition = ready[index];
  if (!rendition) return null;
  const step = (by: number) => {
    const target = ready[index + by];
    if (target) onShow({ key: card.key, renditionId: target.id });
  };
  const close = () => onShow(undefined);
  return (
    <Modal className="lightbox" label={`${nameOf(card.image)}, ${renditionName(rendition)}`} onClose={close}>
      <ArrowKeys onStep={step} />
      <button type="button" className="icon-button lightbox-close" aria-label="Close" onClick={close}>
        <Icon name="close" />
      </button>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/noStaticElementInteractions: beside the picture is outside; the keyboard has Esc. */}
      <div className="lightbox-stage" onClick={(event) => event.target === event.currentTarget && close()}>
        <img
          key={rendition.url}
          src={rendition.url}
          alt={nameOf(card.image)}
          width={rendition.width}
          height={rendition.height}
        />
      </div>
      <Caption card={card} ready={ready} rendition={rendition} onShow={onShow} onCopy={onCopy} />
    </Modal>
  );
}

interface CaptionProps extends Pick<LightboxProps, 'onShow' | 'onCopy'> {
  readonly card: ImageCard;
  readonly ready: readonly Rendition[];
  readonly rendition: Rendition;
}

function Caption({ card, ready, rendition, onShow, onCopy }: CaptionProps) {
  return (
    <div className="lightbox-caption">
      <p className="lightbox-name">
        {nameOf(card.image)}
        <span>
          {formatSize(rendition)} · {rendition.format?.toUpperCase()}
          {rendition.bytes !== undefined && ` · ${formatBytes(rendition.bytes)}`}
        </span>
      </p>
      <fieldset className="segments">
        <legend className="unseen">Renditions</legend>
        {ready.map((one) => (
          <button
            key={one.id}
            type="button"
            aria-pressed={one.id === rendition.id}
            onClick={() => onShow({ key: card.key, renditionId: one.id })}
          >
            {renditionName(one)}
          </button>
        ))}
      </fieldset>
      <div className="lightbox-actions">
        <button type="button" className="text-button" onClick={() => onCopy(rendition.url)}>
          <Icon name="copy" /> Copy URL
        </button>
        <a className="text-button" href={rendition.url} target="_blank" rel="noreferrer">
          <Icon name="open" /> Open
        </a>
      </div>
    </div>
  );
}

function ArrowKeys({ onStep }: { onStep: (by: number) => void }) {
  useEffect(() => {
    const onKey = ({ key }: KeyboardEvent) => {
      if (key === 'ArrowLeft') onStep(-1);
      if (key === 'ArrowRight') onStep(1);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [onStep]);
  return null;
}
