/** Blocks as lines: wherever the blocks are cut, and however long a line is. */
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, it } from 'vitest';
import { forEachLine, LINE_BYTES_MAX } from '../../src/migrate/lines.ts';

interface Seen {
  text: string;
  number: number;
  unfinished: boolean;
  cut: boolean;
}

async function* inBlocks(bytes: Buffer, sizeOf: () => number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizeOf());
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function linesOf(bytes: Buffer, sizeOf: () => number): Promise<Seen[]> {
  const seen: Seen[] = [];
  await forEachLine(inBlocks(bytes, sizeOf), ({ bytes: held, start, end, number, unfinished, cut }) => {
    seen.push({ text: held.toString('utf8', start, end), number, unfinished, cut });
  });
  return seen;
}

it('gives the same lines wherever the blocks are cut', async () => {
  for (const seed of [61, 62, 63]) {
    const random = seeded(seed);
    const words = Array.from({ length: 200 }, () => random.pick(['', 'a', 'über', 'x'.repeat(random.int(300))]));
    const text = words.join('\n');
    const expected = words
      .map((word, at) => ({ text: word, number: at + 1, unfinished: at === words.length - 1, cut: false }))
      .filter((line) => line.text !== '');
    expect(await linesOf(Buffer.from(text), () => random.int(50)), `seed ${random.seed}`).toEqual(expected);
    const ended = expected.map((line) => ({ ...line, unfinished: false }));
    expect(await linesOf(Buffer.from(`${text}\n`), () => random.int(500))).toEqual(ended);
  }
});

it('cuts a line beyond its bound, and goes on behind it', async () => {
  const long = 'x'.repeat(LINE_BYTES_MAX * 3);
  const exact = 'y'.repeat(LINE_BYTES_MAX);
  for (const blockBytes of [10_000, LINE_BYTES_MAX * 10]) {
    const lines = await linesOf(Buffer.from(`a\n${long}\nb\n${exact}\n${long}`), () => blockBytes);
    expect(lines.map(({ text, cut }) => [text[0], cut])).toEqual([
      ['a', false],
      ['x', true],
      ['b', false],
      ['y', false],
      ['x', true],
    ]);
    // Put together from blocks, it is never held whole.
    if (blockBytes < LINE_BYTES_MAX)
      for (const { text } of lines) expect(text.length).toBeLessThanOrEqual(LINE_BYTES_MAX);
  }
});
