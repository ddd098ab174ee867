import { memo } from 'react';
import type { Card, ImageCard, UploadCard } from '../state.ts';
import { curlOf, formatBytes, formatSize, formatTime, nameOf } from '../words.ts';
import type { CardActions } from './card-actions.ts';
import { Icon } from './icon.tsx';
import { Print } from './print.tsx';
import { Renditions } from './renditions.tsx';

/** One picture, from the drop to its renditions. Drawn again only when it has changed itself. */
export const PictureCard = memo(function PictureCard({ card, actions }: { card: Card; actions: CardActions }) {
  const name = card.step === 'accepted' ? nameOf(card.image) : card.file.name;
  return (
    <li className="card" data-step={card.step} data-leaving={card.step === 'accepted' && card.deleting}>
      <Print card={card} name={name} actions={actions} />
      <div className="card-body">
        <h2 className="card-name" title={name}>
          {name}
        </h2>
        {card.step === 'accepted' ? (
          <ImageFacts card={card} actions={actions} />
        ) : (
          <UploadFacts card={card} actions={actions} />
        )}
      </div>
    </li>
  );
});

function UploadFacts({ card, actions }: { card: UploadCard; actions: CardActions }) {
  return (
    <>
      <p className="card-facts">{formatBytes(card.file.size)}</p>
      {card.trouble && (
        <p className="trouble">
          <Icon name="warning" />
          <span>{card.trouble.text}</span>
        </p>
      )}
      <div className="card-actions">
        {card.trouble?.retryable && (
          <button type="button" className="text-button" onClick={() => actions.retry(card.key)}>
            <Icon name="retry" /> Try again
          </button>
        )}
        <button type="button" className="text-button" onClick={() => actions.dismiss(card.key)}>
          <Icon name="close" /> {card.trouble ? 'Dismiss' : 'Cancel'}
        </button>
      </div>
    </>
  );
}

function ImageFacts({ card, actions }: { card: ImageCard; actions: CardActions }) {
  const { image } = card;
  const frames = image.frames > 1 ? ` · ${image.frames} frames` : '';
  return (
    <>
      <p className="card-facts" title={`Received ${formatTime(image.createdAt)}`}>
        {`${formatSize(image)} · ${image.format.toUpperCase()} · ${formatBytes(image.bytes)}${frames}`}
      </p>
      <Renditions card={card} actions={actions} />
      <div className="card-actions">
        <button type="button" className="text-button" onClick={() => actions.copy(curlOf(image))}>
          <Icon name="terminal" /> Copy curl
        </button>
        {image.urls.original && (
          <a className="text-button" href={image.urls.original} target="_blank" rel="noreferrer">
            <Icon name="open" /> Original
          </a>
        )}
        <button
          type="button"
          className="text-button card-delete"
          disabled={card.deleting}
          onClick={() => actions.askToDelete(card)}
          aria-label={`Delete ${nameOf(image)}`}
        >
          <Icon name="trash" /> {card.deleting ? 'Deleting…' : 'Delete'}
        </button>
      </div>
    </>
  );
}
