/** Numbers told from the rest, at every place of a chunk and of memory. */
import { expect, it } from 'vitest';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { countNaN } from '../src/doubles.ts';

it('counts NaNs and finds the first infinity as Number.isNaN and isFinite do', () => {
  const seed = 4711;
  const random = mulberry32(seed);
  const odd = [Number.NaN, Infinity, -Infinity, Number.MAX_VALUE, -Number.MAX_VALUE, 0, -0, Number.MIN_VALUE];
  for (let round = 0; round < 3000; round++) {
    const count = Math.floor(random() * 200);
    const share = random() ** 3;
    const values = Float64Array.from({ length: count }, () => {
      if (random() < share) return odd[Math.floor(random() * (random() < 0.7 ? 1 : odd.length))]!;
      return (random() - 0.5) * 10 ** (random() * 300);
    });
    const at = Math.floor(random() * 16);
    const bytes = Buffer.alloc(at + count * 8 + 9, 0xff);
    Buffer.from(values.buffer).copy(bytes, at);
    const infinite = values.findIndex((value) => value === Infinity || value === -Infinity);
    const expected = infinite >= 0 ? ~(at + infinite * 8) : values.filter(Number.isNaN).length;
    expect(countNaN(bytes, at, at + count * 8), `seed ${seed}, round ${round}`).toBe(expected);
  }
});

it('takes every kind of NaN for one', () => {
  const bytes = Buffer.alloc(16);
  for (const top of [0x7f, 0xff]) {
    for (let bit = 0; bit < 52; bit++) {
      bytes.fill(0);
      bytes[15] = top;
      bytes[14] = 0xf0;
      bytes[8 + (bit >> 3)]! |= 1 << (bit & 7);
      expect(countNaN(bytes, 0, 16), `bit ${bit}`).toBe(1);
    }
  }
});
