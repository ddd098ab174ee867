/** Lights up while files hover over the page. Says nothing to screen readers: who drags, sees. */
export function DropVeil({ dragging }: { dragging: boolean }) {
  return (
    <div className={dragging ? 'veil veil-lit' : 'veil'} aria-hidden="true">
      <p>Let go to develop</p>
    </div>
  );
}
