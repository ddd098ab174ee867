import type { Session } from '@safelight/contract';
import { type ChangeEvent, useRef } from 'react';
import { picturesAmong } from '../files-of-transfer.ts';
import { formatBytes } from '../words.ts';
import { Icon } from './icon.tsx';
import { Lamp } from './lamp.tsx';

interface DropZoneProps {
  readonly empty: boolean;
  readonly session: Session | undefined;
  readonly onFiles: (files: readonly File[]) => void;
  readonly onCopy: (text: string) => void;
}

/** The invitation: large while there is nothing else to see, a strip above the pictures afterwards. */
export function DropZone({ empty, session, onFiles, onCopy }: DropZoneProps) {
  const curl = `curl -F image=@photo.jpg ${location.origin}/`;
  return (
    <section className={empty ? 'zone zone-empty' : 'zone'} aria-label="Add pictures">
      {empty && (
        <div className="zone-lamp">
          <Lamp />
        </div>
      )}
      <div className="zone-words">
        {empty ? <h1>Drop a picture into the light</h1> : <h1>Drop pictures anywhere</h1>}
        <p>
          {empty && 'It is kept safe first, then developed into every size your pages need. '}
          {session && <Limits session={session} />}
        </p>
      </div>
      <div className="zone-curl">
        <code>
          <span aria-hidden="true">$ </span>
          {curl}
        </code>
        <button type="button" className="icon-button" onClick={() => onCopy(curl)} aria-label="Copy the curl line">
          <Icon name="copy" />
        </button>
      </div>
      <FileButtons onFiles={onFiles} />
    </section>
  );
}

function Limits({ session }: { session: Session }) {
  return (
    <span className="zone-limits">
      Up to {formatBytes(session.uploadBytesMax)} and {Math.round(session.pixelsMax / 1e6)}&nbsp;megapixels each.
    </span>
  );
}

/** Every browser's attribute, which React's types do not know. */
const WHOLE_FOLDER = { webkitdirectory: '' };

function FileButtons({ onFiles }: { onFiles: DropZoneProps['onFiles'] }) {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const chosen = (pick: (files: File[]) => File[]) => (event: ChangeEvent<HTMLInputElement>) => {
    const picked = pick([...(event.target.files ?? [])]);
    event.target.value = ''; // so that the same file can be chosen again
    if (picked.length > 0) onFiles(picked);
  };
  return (
    <div className="zone-buttons">
      <button type="button" className="button button-primary" onClick={() => files.current?.click()}>
        Choose pictures
      </button>
      <button type="button" className="button" onClick={() => folder.current?.click()}>
        A folder
      </button>
      <input ref={files} hidden type="file" multiple accept="image/*" onChange={chosen((all) => all)} />
      <input ref={folder} hidden type="file" {...WHOLE_FOLDER} onChange={chosen(picturesAmong)} />
    </div>
  );
}
