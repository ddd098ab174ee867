const PICTURE_NAME = /\.(jpe?g|png|webp|avif|gif|tiff?|heic|heif|svg|bmp|jxl)$/i;
const HIDDEN_NAME = /^\./;

/**
 * The files of a drop or a paste, folders walked through. What a person picked by hand is taken as it is, since the
 * service decides by content; of a folder only what looks like a picture.
 */
export async function filesOfTransfer(transfer: DataTransfer): Promise<File[]> {
  // Both must be asked for before the first await: the browser empties the transfer when the event is over.
  const entries = [...transfer.items].map((item) => (item.kind === 'file' ? item.webkitGetAsEntry() : null));
  const files = [...transfer.files];
  if (!entries.some((entry) => entry?.isDirectory)) return files;
  const walked = await Promise.all(entries.map((entry) => (entry ? filesOfEntry(entry, true) : [])));
  return walked.flat();
}

/** What looks like a picture among the files of a folder. */
export function picturesAmong(files: readonly File[]): File[] {
  return files.filter(
    ({ name, type }) => !HIDDEN_NAME.test(name) && (type.startsWith('image/') || PICTURE_NAME.test(name)),
  );
}

async function filesOfEntry(entry: FileSystemEntry, picked: boolean): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File | undefined>((resolve) =>
      (entry as FileSystemFileEntry).file(resolve, () => resolve(undefined)),
    );
    if (!file) return [];
    return picked ? [file] : picturesAmong([file]);
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  for (let batch = await readBatch(reader); batch.length > 0; batch = await readBatch(reader)) {
    for (const child of batch) files.push(...(await filesOfEntry(child, false)));
  }
  return files;
}

/** Browsers give a folder's entries a hundred at a time, and none at the end. */
function readBatch(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
}
