import { TAGS_MAX, tagSchema, VISIBILITIES } from '@safelight/contract';
import { ProblemError } from './problem.ts';

/** Tags as a query, a form or the metadata of an upload tells them: separated by commas. @throws ProblemError */
export function readTags(text: string | undefined): string[] {
  const tags = (text ?? '').split(',').flatMap((tag) => (tag.trim() === '' ? [] : [tag]));
  if (tags.length > TAGS_MAX) {
    throw new ProblemError('request_invalid', { bound: { name: 'tagsMax', limit: TAGS_MAX, actual: tags.length } });
  }
  return tags.map((tag) => {
    const parsed = tagSchema.safeParse(tag);
    if (!parsed.success)
      throw new ProblemError('request_invalid', { detail: 'tags: each has 1 to 64 characters, NUL none of them.' });
    return parsed.data;
  });
}

/** Whether an upload asks for a private image; undefined where it leaves that to the settings. @throws ProblemError */
export function readVisibility(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'public' && text !== 'private') {
    throw new ProblemError('request_invalid', { detail: `visibility: takes ${VISIBILITIES.join(' or ')}.` });
  }
  return text === 'private';
}
