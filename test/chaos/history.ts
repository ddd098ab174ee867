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

/** What one node answered to the GET of a rendition's URL, where it answered with a picture. */
export interface RenderAnswer {
  /** Of the data folder of the node, which outlives its processes. */
  readonly node: string;
  readonly etag: string;
  readonly sha256: string;
}

/** An event as it is told: its place in the tenant's log, what happened, and to what. */
export interface ToldEvent {
  readonly position: number;
  readonly type: string;
  readonly subject: string;
}

/** What somebody was told who followed the events of an image, over however many connections. */
export interface Follow {
  readonly imageId: string;
  readonly told: ToldEvent[];
}

/** Everything that the clients sent and were told, for the checker. */
export class History {
  readonly uploads: UploadRecord[] = [];
  readonly wrongAnswers: WrongAnswer[] = [];
  /** Pictures that were got of URLs that nobody had asked for before, by path and query. */
  readonly renders = new Map<string, { readonly record: UploadRecord; readonly answers: RenderAnswer[] }>();
  readonly follows: Follow[] = [];
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

  /** Notes a picture that a node answered with. */
  rendered(record: UploadRecord, path: string, answer: RenderAnswer): void {
    const known = this.renders.get(path) ?? { record, answers: [] };
    known.answers.push(answer);
    this.renders.set(path, known);
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
    for (const [path, { record, answers }] of this.renders) copy.renders.set(path, { record, answers: [...answers] });
    copy.follows.push(...this.follows.map(({ imageId, told }) => ({ imageId, told: [...told] })));
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
