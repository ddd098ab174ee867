import { useCallback, useMemo, useState, useSyncExternalStore } from 'react';
import { AccountMenu } from './components/account-menu.tsx';
import type { CardActions, Shown } from './components/card-actions.ts';
import { ConfirmDelete } from './components/confirm-delete.tsx';
import { ContactSheet } from './components/contact-sheet.tsx';
import { Desk, isAtDesk } from './components/desk.tsx';
import { DropVeil } from './components/drop-veil.tsx';
import { DropZone } from './components/drop-zone.tsx';
import { FleetPage } from './components/fleet.tsx';
import { Header } from './components/header.tsx';
import { Lightbox } from './components/lightbox.tsx';
import { LostNotice } from './components/lost-notice.tsx';
import { Said } from './components/said.tsx';
import { copyText } from './copy-text.ts';
import type { Darkroom } from './darkroom.ts';
import type { ImageCard } from './state.ts';
import { useFilesFromAnywhere } from './use-files-from-anywhere.ts';
import { useHash } from './use-hash.ts';

/** The page: the operator's face of it, or the darkroom. */
export function App({ darkroom }: { darkroom: Darkroom }) {
  return useHash() === '#/fleet' ? <FleetPage /> : <DarkroomPage darkroom={darkroom} />;
}

function DarkroomPage({ darkroom }: { darkroom: Darkroom }) {
  const state = useSyncExternalStore(darkroom.store.subscribe, darkroom.store.state);
  const [shown, setShown] = useState<Shown>();
  const [doomed, setDoomed] = useState<ImageCard>();
  const take = useCallback((files: readonly File[]) => darkroom.uploads.take(files), [darkroom]);
  const dragging = useFilesFromAnywhere(take);
  const copy = useCallback(
    async (text: string) => darkroom.store.say((await copyText(text)) ? 'Copied' : 'The browser did not let go of it.'),
    [darkroom],
  );
  const actions = useMemo<CardActions>(
    () => ({
      copy,
      show: setShown,
      askToDelete: setDoomed,
      retry: (key) => darkroom.uploads.retry(key),
      dismiss: (key) => darkroom.uploads.dismiss(key),
      developed: (key) => darkroom.dropPreview(key),
    }),
    [copy, darkroom],
  );
  const hash = useHash();
  const account = state.session && <AccountMenu darkroom={darkroom} session={state.session} />;
  if (isAtDesk(state, hash)) {
    return (
      <>
        <Header session={state.session} account={account} />
        <main className="main">
          <Desk darkroom={darkroom} state={state} hash={hash} onCopy={copy} />
        </main>
        <Said said={state.said} />
      </>
    );
  }
  const opened = state.listed || state.lost !== undefined;
  const maySend = state.session?.scopes?.includes('images:write') !== false;
  const empty = state.cards.length === 0;
  return (
    <>
      <Header session={state.session} account={account} />
      <main className={empty ? 'main main-empty' : 'main'}>
        {state.lost && <LostNotice trouble={state.lost} onRetry={() => void darkroom.open()} />}
        {opened && maySend && <DropZone empty={empty} session={state.session} onFiles={take} onCopy={copy} />}
        {!opened && <p className="sheet-opening">Opening the darkroom…</p>}
        <ContactSheet
          cards={state.cards}
          actions={actions}
          more={state.next !== undefined}
          loadingMore={state.loadingMore}
          onMore={() => void darkroom.loadMore()}
        />
      </main>
      <Lightbox shown={shown} cards={state.cards} onShow={setShown} onCopy={copy} />
      <ConfirmDelete card={doomed} onKeep={() => setDoomed(undefined)} onDelete={(key) => void darkroom.remove(key)} />
      <DropVeil dragging={dragging} />
      <Said said={state.said} />
    </>
  );
}
