/** Strokes on a 20 × 20 grid. */
const PATHS = {
  copy: 'M7.5 7.5v-3a1.5 1.5 0 0 1 1.5-1.5h6.5A1.5 1.5 0 0 1 17 4.5V11a1.5 1.5 0 0 1-1.5 1.5h-3M4.5 7.5H11A1.5 1.5 0 0 1 12.5 9v6.5A1.5 1.5 0 0 1 11 17H4.5A1.5 1.5 0 0 1 3 15.5V9A1.5 1.5 0 0 1 4.5 7.5z',
  trash:
    'M3.5 5.5h13M8 5.5V4a1 1 0 0 1 1-1h2a1 1 0 0 1 1 1v1.5M5 5.5l.7 10a1.5 1.5 0 0 0 1.5 1.5h5.6a1.5 1.5 0 0 0 1.5-1.5l.7-10M8.5 9v4.5M11.5 9v4.5',
  retry: 'M16 4v4h-4M15.6 8A6.2 6.2 0 1 0 16.2 10.5',
  close: 'M5 5l10 10M15 5L5 15',
  terminal: 'M4 6l4 4-4 4M10 14.5h6',
  open: 'M11.5 3.5h5v5M16.5 3.5L9.5 10.5M14.5 11.5v4a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1v-9a1 1 0 0 1 1-1h4',
  previous: 'M12.5 4.5L7 10l5.5 5.5',
  next: 'M7.5 4.5L13 10l-5.5 5.5',
  warning: 'M10 3.5l7.5 13h-15zM10 8.5v3.5M10 14.3v.1',
  picture: 'M3.5 4.5h13v11h-13zM3.5 13l3.7-3.7 3 3 2.3-2.3 4 4M13 7.7v.1',
} as const;

/** A decorative icon: what it stands beside, or the label of its button, says the same in words. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
