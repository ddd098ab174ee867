import { useEffect, useState } from 'react';
import { filesOfTransfer } from './files-of-transfer.ts';

/** Takes files that are dropped or pasted anywhere on the page; tells whether some hover over it just now. */
export function useFilesFromAnywhere(onFiles: (files: readonly File[]) => void): boolean {
  const [dragging, setDragging] = useState(false);
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const take = async (transfer: DataTransfer) => {
      const files = await filesOfTransfer(transfer);
      if (files.length > 0) onFiles(files);
    };
    const over = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault(); // without this the browser would open the file instead
      event.dataTransfer.dropEffect = 'copy';
      setDragging(true);
    };
    window.addEventListener('dragenter', over, { signal });
    window.addEventListener('dragover', over, { signal });
    // Only when the pointer leaves the window itself does nothing follow it.
    window.addEventListener('dragleave', (event) => event.relatedTarget === null && setDragging(false), { signal });
    window.addEventListener(
      'drop',
      (event) => {
        setDragging(false);
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        void take(event.dataTransfer);
      },
      { signal },
    );
    window.addEventListener('paste', (event) => event.clipboardData && void take(event.clipboardData), { signal });
    return () => listening.abort();
  }, [onFiles]);
  return dragging;
}
