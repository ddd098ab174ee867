import type { Session } from '@safelight/contract';
import type { ReactNode } from 'react';
import type { Darkroom } from '../darkroom.ts';
import { type Section, sectionOf } from '../sections.ts';
import type { State } from '../state.ts';
import { KeysPage } from './keys-page.tsx';
import { invitationOf, LogIn } from './log-in.tsx';
import { LogPage } from './log-page.tsx';
import { PeoplePage } from './people-page.tsx';
import { PresetsPage } from './presets-page.tsx';
import { UsagePage } from './usage-page.tsx';
import { WebhooksPage } from './webhooks-page.tsx';

interface PageProps {
  readonly darkroom: Darkroom;
  readonly onCopy: (text: string) => void;
}

interface DeskProps extends PageProps {
  readonly state: State;
  readonly hash: string;
}

/** The pages beside that of the pictures. */
const PAGES: Readonly<
  Record<Exclude<Section['hash'], ''>, (props: PageProps & { readonly session: Session }) => ReactNode>
> = {
  '#/usage': UsagePage,
  '#/presets': PresetsPage,
  '#/log': LogPage,
  '#/webhooks': WebhooksPage,
  '#/keys': (props) => <KeysPage {...props} scopes={props.session.scopes} />,
  '#/people': PeoplePage,
};

/** Whether the page is about the tenant or who is there just now, not about pictures. */
export function isAtDesk({ session, out }: State, hash: string): boolean {
  return out !== undefined || isAtDoor(hash) || (session !== undefined && sectionOf(session, hash).hash !== '');
}

/** The log-in, or a page of the tenant that whoever is in may see. */
export function Desk({ darkroom, state: { session, out }, hash, onCopy }: DeskProps) {
  const section = session && !isAtDoor(hash) ? sectionOf(session, hash).hash : '';
  if (!session || section === '') return <LogIn key={hash} darkroom={darkroom} known={out} hash={hash} />;
  const Page = PAGES[section];
  return <Page darkroom={darkroom} session={session} onCopy={onCopy} />;
}

function isAtDoor(hash: string): boolean {
  return hash === '#/log-in' || invitationOf(hash) !== undefined;
}
