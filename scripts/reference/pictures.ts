import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { EXAMPLE_NAMES, exampleFile, renderExamples } from './examples.ts';

/** Renders all example pictures anew, removes what is none of them, and returns how many there are. */
export async function writePictures(folder: URL): Promise<number> {
  const files = await renderExamples();
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) if (!files.has(name)) await rm(new URL(name, folder));
  for (const [name, bytes] of files) await writeFile(new URL(name, folder), bytes);
  return files.size;
}

/** What is wrong with the pictures that lie there: their names tell by what they were made. */
export async function stalePictures(folder: URL): Promise<string[]> {
  const present = new Set(await readdir(folder).catch(() => []));
  const wanted = new Set(EXAMPLE_NAMES.map(exampleFile));
  return [
    ...[...wanted].filter((name) => !present.has(name)).map((name) => `${name} is missing`),
    ...[...present].filter((name) => !wanted.has(name)).map((name) => `${name} is a picture of nothing`),
  ];
}
