import { beforeEach, describe, expect, it } from 'vitest';
import { FreshFacts } from './fresh-facts.ts';

const MS_MAX = 1_000;
const ENTRIES_MAX = 8;

interface Fact {
  readonly told: number;
}
let now: number;
/** What is being asked, in order; each is answered by hand. */
let questions: {
  readonly key: string;
  readonly answer: (told: number | undefined) => Promise<void>;
  fail(): Promise<void>;
}[];
let facts: FreshFacts<Fact, Fact | undefined>;
let dropped: string[];

beforeEach(() => {
  now = 1;
  questions = [];
  dropped = [];
  facts = new FreshFacts({
    clock: { monotonic: () => now },
    entriesMax: ENTRIES_MAX,
    msMax: MS_MAX,
    ask: (key) => {
      const { promise, resolve, reject } = Promise.withResolvers<Fact | undefined>();
      const settled = () =>
        promise.then(
          () => undefined,
          () => undefined,
        );
      questions.push({
        key,
        answer: async (told) => {
          resolve(told === undefined ? undefined : { told });
          await settled();
        },
        fail: async () => {
          reject(new Error('away'));
          await settled();
        },
      });
      return promise;
    },
    keep: (_key, answer) => answer,
    onDrop: (key) => dropped.push(key),
  });
});

/** Asks for `key` and answers it. */
async function learn(key: string, told: number): Promise<void> {
  const asked = facts.ask(key);
  await questions.at(-1)?.answer(told);
  await asked;
}

describe('a fact', () => {
  it('is asked for once by all who want it at the same time, and then known', async () => {
    expect(facts.known('a')).toBeUndefined();
    const both = Promise.all([facts.ask('a'), facts.ask('a')]);
    expect(questions.length).toBe(1);
    await questions[0]?.answer(7);
    expect(await both).toEqual([{ told: 7 }, { told: 7 }]);
    expect(facts.known('a')).toEqual({ told: 7 });
  });

  it('is not told when it is older than the bound', async () => {
    await learn('a', 7);
    now += MS_MAX + 1;
    expect(facts.known('a')).toBeUndefined();
  });

  it('is asked for again in the second half of its time, while the old one is told', async () => {
    await learn('a', 7);
    now += MS_MAX * 0.4;
    expect(facts.known('a')).toEqual({ told: 7 });
    expect(questions.length).toBe(1);
    now += MS_MAX * 0.2;
    expect(facts.known('a')).toEqual({ told: 7 });
    expect(facts.known('a')).toEqual({ told: 7 });
    expect(questions.length).toBe(2);
    await questions[1]?.answer(8);
    now += MS_MAX * 0.5;
    expect(facts.known('a')).toEqual({ told: 8 });
  });

  it('does not outlive its time when the question for it fails, and the failure reaches who asks then', async () => {
    await learn('a', 7);
    now += MS_MAX * 0.6;
    facts.known('a');
    await questions[1]?.fail();
    expect(facts.known('a')).toEqual({ told: 7 });
    await questions[2]?.fail();
    now += MS_MAX * 0.5;
    expect(facts.known('a')).toBeUndefined();
    const asked = facts.ask('a');
    await questions.at(-1)?.fail();
    await expect(asked).rejects.toThrow('away');
  });

  it('is gone when the answer is that there is none any more', async () => {
    await learn('a', 7);
    now += MS_MAX * 0.6;
    facts.known('a');
    await questions[1]?.answer(undefined);
    expect(facts.known('a')).toBeUndefined();
  });

  it('gives way to others beyond the bound of entries, and its owner hears of it', async () => {
    for (let key = 0; key <= ENTRIES_MAX; key += 1) await learn(`${key}`, 1);
    expect(dropped).toEqual(['0']);
    expect(facts.known('0')).toBeUndefined();
  });
});

describe('a fact in an outage', () => {
  const AWAY_MS_MAX = 30_000;
  /** It is asked for in vain, and again. */
  async function away(): Promise<void> {
    now += MS_MAX * 0.6;
    facts.known('a');
    await questions.at(-1)?.fail();
    now += MS_MAX * 1.5;
  }

  it('is told for half a minute more, and asked for again and again', async () => {
    await learn('a', 7);
    await away();
    expect(facts.known('a')).toEqual({ told: 7 });
    expect(questions.length).toBe(3);
    await questions.at(-1)?.fail();
    now += AWAY_MS_MAX - 2 * MS_MAX;
    expect(facts.known('a')).toEqual({ told: 7 });
    now += MS_MAX;
    expect(facts.known('a')).toBeUndefined();
  });

  it('is told as well while the question gets no answer at all', async () => {
    await learn('a', 7);
    now += MS_MAX * 0.6;
    facts.known('a');
    now += MS_MAX * 1.5;
    expect(facts.known('a')).toEqual({ told: 7 });
  });

  it('is told without a gap when it was asked for just before its time was over', async () => {
    await learn('a', 7);
    now += MS_MAX - 100;
    facts.known('a');
    for (let passed = 0; passed < 2 * MS_MAX; passed += 50) {
      now += 50;
      expect(facts.known('a')).toEqual({ told: 7 });
    }
  });

  it('is not told when the question came after its time', async () => {
    await learn('a', 7);
    now += MS_MAX + 100;
    expect(facts.known('a')).toBeUndefined();
    facts.ask('a').catch(() => undefined);
    now += 50;
    expect(facts.known('a')).toBeUndefined();
  });

  it('ends with the first answer to any question', async () => {
    await learn('a', 7);
    await away();
    await learn('b', 8);
    expect(facts.known('a')).toBeUndefined();
  });

  it('is not told when it was forgotten', async () => {
    await learn('a', 7);
    await away();
    facts.forget(['a']);
    expect(facts.known('a')).toBeUndefined();
  });
});

describe('a forgotten fact', () => {
  it('is not brought back by an answer that was under way', async () => {
    const asked = facts.ask('a');
    facts.forgetAsked((key) => key === 'a');
    await questions[0]?.answer(7);
    expect(await asked).toEqual({ told: 7 });
    expect(facts.known('a')).toBeUndefined();
  });

  it('is asked for anew by who comes afterwards', async () => {
    const before = facts.ask('a');
    facts.forgetAsked(() => true);
    const after = facts.ask('a');
    expect(questions.length).toBe(2);
    await questions[1]?.answer(8);
    await questions[0]?.answer(7);
    expect([await before, await after]).toEqual([{ told: 7 }, { told: 8 }]);
    expect(facts.known('a')).toEqual({ told: 8 });
  });

  it('leaves the others', async () => {
    await learn('a', 1);
    await learn('b', 2);
    facts.forgetWhere(({ told }) => told === 1);
    expect([facts.known('a'), facts.known('b')]).toEqual([undefined, { told: 2 }]);
  });
});

it('asks for few of many hot facts at once, and leaves the rest to who wants them', async () => {
  const many = Array.from({ length: ENTRIES_MAX }, (_, index) => `${index}`);
  for (const key of many) await learn(key, 1);
  now += MS_MAX * 0.6;
  for (const key of many) facts.known(key);
  const again = questions.slice(ENTRIES_MAX);
  expect(again.length).toBe(4);
  for (const question of again) await question.answer(2);
  facts.known('7');
  expect(questions.at(-1)?.key).toBe('7');
});
