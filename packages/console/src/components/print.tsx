import { useState } from 'react';
import { type Card, isSettled } from '../state.ts';
import { largestReady } from '../words.ts';
import type { CardActions } from './card-actions.ts';
import { Icon } from './icon.tsx';

/** The picture itself: red as under the lamp while it is sent and developed, in its own colours when it is ready. */
export function Print({ card, name, actions }: { card: Card; name: string; actions: CardActions }) {
  // The URL whose loading failed: browsers cannot show every file that the service can read.
  const [unshowable, setUnshowable] = useState<string>();
  const image = card.step === 'accepted' ? card.image : undefined;
  const rendition = image && isSettled(image) ? largestReady(image) : undefined;
  const preview = card.previewUrl === unshowable ? undefined : card.previewUrl;
  const stage = stageOf(card);
  const picture = (
    <>
      {!preview && !rendition && (
        <span className="print-none">
          <Icon name="picture" />
        </span>
      )}
      {preview && <img src={preview} alt="" decoding="async" onError={() => setUnshowable(preview)} />}
      {rendition && (
        <img
          className="print-developed"
          src={rendition.url}
          alt={name}
          width={rendition.width}
          height={rendition.height}
          loading="lazy"
          decoding="async"
          onLoad={() => actions.developed(card.key)}
        />
      )}
    </>
  );
  return (
    <div className="print" data-lit={LIT.includes(stage)} data-dull={stage === 'refused' || stage === 'failed'}>
      {rendition ? (
        <button
          type="button"
          className="print-picture"
          aria-label={`Open ${name}`}
          onClick={() => actions.show({ key: card.key, renditionId: rendition.id })}
        >
          {picture}
        </button>
      ) : (
        <div className="print-picture">{picture}</div>
      )}
      {stage !== 'developed' && <Stage card={card} stage={stage} name={name} />}
    </div>
  );
}

type StageName = 'waiting' | 'sending' | 'securing' | 'developing' | 'developed' | 'refused' | 'failed';

/** Stages in which the picture lies under the lamp. */
const LIT: readonly StageName[] = ['waiting', 'sending', 'securing', 'developing'];

function stageOf(card: Card): StageName {
  if (card.step === 'sending') return card.bytesSent >= card.file.size ? 'securing' : 'sending';
  if (card.step !== 'accepted') return card.step;
  if (!isSettled(card.image)) return 'developing';
  return largestReady(card.image) ? 'developed' : 'failed';
}

function Stage({ card, stage, name }: { card: Card; stage: StageName; name: string }) {
  const share = shareOf(card);
  return (
    <div className="stage" data-stage={stage}>
      <span className="stage-label">{labelOf(card, stage)}</span>
      {share !== undefined && (
        <progress className="stage-progress" aria-label={`Progress of ${name}`} value={share} max={1} />
      )}
    </div>
  );
}

/** Of the step that is under way; undefined when none is. */
function shareOf(card: Card): number | undefined {
  if (card.step === 'sending') return card.file.size === 0 ? 1 : Math.min(1, card.bytesSent / card.file.size);
  if (card.step !== 'accepted' || isSettled(card.image)) return undefined;
  return endedOf(card.image.renditions) / card.image.renditions.length;
}

function labelOf(card: Card, stage: StageName): string {
  switch (stage) {
    case 'waiting':
      return 'Waiting';
    case 'sending':
      return `Sending ${Math.floor((shareOf(card) ?? 0) * 100)} %`;
    case 'securing':
      return 'Securing…';
    case 'developing':
      return 'Developing…';
    case 'developed':
      return 'Ready';
    case 'refused':
      return 'Not sent';
    case 'failed':
      return 'Failed';
  }
}

function endedOf(renditions: readonly { readonly state: string }[]): number {
  return renditions.filter(({ state }) => state !== 'pending').length;
}
