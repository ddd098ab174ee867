import type { ImageCard } from '../state.ts';
import { nameOf } from '../words.ts';
import { Modal } from './modal.tsx';

interface ConfirmDeleteProps {
  readonly card: ImageCard | undefined;
  readonly onKeep: () => void;
  readonly onDelete: (key: string) => void;
}

export function ConfirmDelete({ card, onKeep, onDelete }: ConfirmDeleteProps) {
  if (!card) return null;
  const remove = () => {
    onKeep();
    onDelete(card.key);
  };
  return (
    <Modal className="confirm" label="Delete this picture?" onClose={onKeep}>
      <h2>Delete this picture?</h2>
      <p>
        <b>{nameOf(card.image)}</b> and its renditions go for good. Its URLs answer “gone” from then on.
      </p>
      <div className="confirm-buttons">
        <button type="button" className="button" onClick={onKeep}>
          Keep
        </button>
        <button type="button" className="button button-danger" onClick={remove}>
          Delete
        </button>
      </div>
    </Modal>
  );
}
