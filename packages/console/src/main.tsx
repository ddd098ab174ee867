import { createClient } from '@safelight/sdk';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { Darkroom } from './darkroom.ts';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');

const darkroom = new Darkroom(createClient({ baseUrl: location.origin }), keptStorage());
void darkroom.open();
createRoot(root).render(
  <StrictMode>
    <App darkroom={darkroom} />
  </StrictMode>,
);

/** What outlives the page, unless this browser keeps nothing for anybody. */
function keptStorage(): Storage | undefined {
  try {
    return window.localStorage;
  } catch {
    return undefined;
  }
}
