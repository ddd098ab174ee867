import type { Rendition } from '@safelight/contract';
import type { ImageCard } from '../state.ts';
import { formatBytes, formatSaving, formatSize, inOrder, nameOf, renditionName } from '../words.ts';
import type { CardActions } from './card-actions.ts';
import { Icon } from './icon.tsx';

interface RenditionsProps {
  readonly card: ImageCard;
  readonly actions: CardActions;
}

/** What was made of the picture, smallest first. */
export function Renditions({ card, actions }: RenditionsProps) {
  const { renditions } = card.image;
  const [first] = renditions;
  // One fault in the original fails them all: then once is enough to say why.
  const sharedCause = first?.cause && renditions.every(({ cause }) => cause?.message === first.cause?.message);
  if (sharedCause) return <Cause message={first.cause?.message} />;
  return (
    <ul className="renditions" aria-label={`Renditions of ${nameOf(card.image)}`}>
      {inOrder(renditions).map((rendition) => (
        <li key={rendition.id} className="rendition" data-state={rendition.state}>
          <RenditionRow rendition={rendition} card={card} actions={actions} />
        </li>
      ))}
    </ul>
  );
}

function RenditionRow({ rendition, card, actions }: RenditionsProps & { readonly rendition: Rendition }) {
  const name = renditionName(rendition);
  if (rendition.state === 'failed') return <Cause message={`${name}: ${rendition.cause?.message ?? 'failed'}`} />;
  if (rendition.state === 'pending') {
    return (
      <div className="rendition-open">
        <span className="rendition-thumb" />
        <span className="rendition-name">{name}</span>
        <span className="rendition-facts">in the tray…</span>
      </div>
    );
  }
  return (
    <>
      <button
        type="button"
        className="rendition-open"
        aria-label={`Open ${name} of ${nameOf(card.image)}`}
        onClick={() => actions.show({ key: card.key, renditionId: rendition.id })}
      >
        <span className="rendition-thumb">
          <img src={rendition.url} alt="" width={rendition.width} height={rendition.height} loading="lazy" />
        </span>
        <span className="rendition-name">
          {name} <span>{formatSize(rendition)}</span>
        </span>
        <RenditionFacts rendition={rendition} originalBytes={card.image.bytes} />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={`Copy the URL of ${name} of ${nameOf(card.image)}`}
        title="Copy URL"
        onClick={() => actions.copy(rendition.url)}
      >
        <Icon name="copy" />
      </button>
    </>
  );
}

function RenditionFacts({ rendition, originalBytes }: { rendition: Rendition; originalBytes: number }) {
  const { bytes, renderMs } = rendition;
  return (
    <span className="rendition-facts">
      {bytes !== undefined && (
        <>
          {formatBytes(bytes)} ·{' '}
          {bytes < originalBytes ? <em>{formatSaving(bytes, originalBytes)}</em> : formatSaving(bytes, originalBytes)}
        </>
      )}
      {renderMs !== undefined && ` · ${Math.round(renderMs)}\u00a0ms`}
    </span>
  );
}

function Cause({ message }: { message: string | undefined }) {
  return (
    <p className="trouble">
      <Icon name="warning" />
      <span>{message}</span>
    </p>
  );
}
