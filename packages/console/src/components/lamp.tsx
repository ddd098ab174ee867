import { useId } from 'react';

/** The safelight: the lamp that lets one work in a darkroom without spoiling the film. */
export function Lamp() {
  const id = useId();
  return (
    <svg className="lamp" viewBox="0 0 48 48" aria-hidden="true">
      <defs>
        <linearGradient id={id} x1="0" y1="0" x2="0" y2="1">
          <stop className="lamp-glass-top" offset="0" />
          <stop className="lamp-glass-bottom" offset="1" />
        </linearGradient>
      </defs>
      <path className="lamp-cord" d="M24 2v10" />
      <path className="lamp-shade" d="M19.5 13h9L42 28H6z" />
      <path d="M13 31.5h22a11 11 0 0 1-22 0z" fill={`url(#${id})`} />
    </svg>
  );
}
