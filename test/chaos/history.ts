import type { Sample } from './pictures.ts';

/** What a client knows of one upload that it wanted. */
export interface UploadRecord {
  /** Unique; the filename under which it is sent. */
  readonly name: string;
  readonly sample: Sample;
  /** Sent again under the same key until it is answered; without one, an upload is sent once. */
  readonly key: string | undefined;
  /** Every image id that any attempt was answered with. */
  readonly imageIds: Set<string>;
  /** Whether a 2xx arrived. Without one the upload may have happened or not. */
  acknowledged: boolean;
  /** Paths, with query, of the URLs that the first 2xx carried. */
  urls: UploadUrls | undefined;
  /** `asked`: a deletion was sent and its answer was lost. */
  deletion: 'none' | 'asked' | 'acknowledged';
}

export type PresetName = 'small' | 'medium' | 'large';
export type UploadUrls = Readonly<Record<PresetName | 'original', string>>;
export const PRESET_NAMES = ['small', 'medium', 'large'] as const;

/** An answer that no kill excuses. */
export interface WrongAnswer {
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

/** Everything that the clients sent and were told, for the checker. */
export class History {
  readonly uploads: UploadRecord[] = [];
  readonly wrongAnswers: WrongAnswer[] = [];
  /** Requests by how they ended: a status, or `no answer`. */
  readonly answers = new Map<string, number>();

  begin(name: string, sample: Sample, key: string | undefined): UploadRecord {
    const record: UploadRecord = {
      ...{ name, sample, key, imageIds: new Set<string>() },
      ...{ acknowledged: false, urls: undefined, deletion: 'none' },
    };
    this.uploads.push(record);
    return record;
  }

  count(answer: string): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }

  /** Acknowledged, and nobody has asked for its deletion. */
  standing(): UploadRecord[] {
    return this.uploads.filter(({ acknowledged, deletion }) => acknowledged && deletion === 'none');
  }

  /** As it is now; what happens to uploads later does not change the copy. */
  snapshot(): History {
    const copy = new History();
    copy.uploads.push(...this.uploads.map((record) => ({ ...record, imageIds: new Set(record.imageIds) })));
    copy.wrongAnswers.push(...this.wrongAnswers);
    for (const [answer, count] of this.answers) copy.answers.set(answer, count);
    return copy;
  }
}

/** The image that an acknowledged upload was answered with. */
export function imageIdOf(record: UploadRecord): string {
  const [imageId] = record.imageIds;
  if (imageId === undefined) throw new Error(`${record.name} was acknowledged without an image id`);
  return imageId;
}
