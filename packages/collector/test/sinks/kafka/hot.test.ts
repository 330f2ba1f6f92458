import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, test } from 'vitest';
import type { HotOptions } from '../../../src/sinks/kafka/hot.ts';
import { createHotClients, HOT_MAX, TRAFFIC_MIN } from '../../../src/sinks/kafka/hot.ts';

const OPTIONS: HotOptions = { share: 0.2, windowMs: 6000, partitions: 12, answer: 'split_by_metric' };
const START = 1_790_000_000_000;

/** Ten seconds of traffic, all of it a multiple of what counts at all, shared as given. */
function run(hot: ReturnType<typeof createHotClients>, shares: Record<string, number>, fromMs = 0, factor = 10): void {
  for (let ms = fromMs; ms < fromMs + 10_000; ms += 100) {
    for (const [client, share] of Object.entries(shares))
      hot.add(client, (TRAFFIC_MIN / 10) * factor * share, START + ms);
  }
}

/** So many clients with equal shares, together `total`. */
function many(count: number, total: number): Record<string, number> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`small-${index}`, total / count]));
}

test('a client is hot from its share on, and cold again only below half of it', () => {
  const hot = createHotClients(OPTIONS);
  run(hot, { big: 0.19, ...many(50, 0.81) });
  expect(hot.hot()).toEqual([]);
  run(hot, { big: 0.25, ...many(50, 0.75) }, 10_000);
  expect(hot.hot()).toEqual(['big']);
  run(hot, { big: 0.11, ...many(50, 0.89) }, 20_000);
  expect(hot.hot()).toEqual(['big']);
  run(hot, { big: 0.09, ...many(50, 0.91) }, 30_000);
  expect(hot.hot()).toEqual([]);
});

test('nobody is hot before the window has filled, and those of an earlier run stay so long', () => {
  const hot = createHotClients({ ...OPTIONS, hot: ['before'] });
  for (let ms = 0; ms < 5900; ms += 100) {
    hot.add('big', TRAFFIC_MIN, START + ms);
    hot.add('small', TRAFFIC_MIN, START + ms);
  }
  expect(hot.hot()).toEqual(['before']);
  run(hot, { big: 0.5, small: 0.5 }, 5900);
  expect(hot.hot()).toEqual(['big', 'small']);
});

test('nobody is hot where nothing is gained: little traffic, one client, a partition of its own share', () => {
  const little = createHotClients(OPTIONS);
  run(little, { big: 0.9, small: 0.1 }, 0, 0.9);
  expect(little.hot()).toEqual([]);
  const alone = createHotClients(OPTIONS);
  run(alone, { big: 1 });
  expect(alone.hot()).toEqual([]);
  const fewPartitions = createHotClients({ ...OPTIONS, partitions: 3 });
  run(fewPartitions, { big: 0.3, ...many(20, 0.7) });
  expect(fewPartitions.hot()).toEqual([]);
});

test('a dedicated partition takes the largest, and never more than half of the traffic beside the first', () => {
  const equal = createHotClients({ ...OPTIONS, answer: 'dedicated_partition' });
  run(equal, { a: 0.25, b: 0.25, c: 0.25, d: 0.25 });
  expect(equal.hot()).toEqual(['a', 'b']);
  const one = createHotClients({ ...OPTIONS, answer: 'dedicated_partition' });
  run(one, { huge: 0.7, b: 0.3 });
  expect(one.hot()).toEqual(['huge']);
});

test('at most ten are hot, the largest', () => {
  const hot = createHotClients({ ...OPTIONS, share: 0.05, partitions: 100 });
  run(hot, Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`c${index + 10}`, 0.064 + index * 0.001])));
  expect(hot.hot()).toHaveLength(HOT_MAX);
  expect(hot.hot()).toContain('c23');
  expect(hot.hot()).not.toContain('c10');
});

test('the window is the journal’s time: how fast it is read, and a clock put back, change nothing', () => {
  const shares = { big: 0.25, ...many(50, 0.75) };
  const hot = createHotClients(OPTIONS);
  run(hot, shares);
  run(hot, shares, 9_000);
  expect(hot.hot()).toEqual(['big']);
  // Put back by a day: it begins anew, with who was hot.
  run(hot, shares, -86_400_000);
  expect(hot.hot()).toEqual(['big']);
  run(hot, many(50, 1), -86_390_000);
  expect(hot.hot()).toEqual([]);
});

test('a large client is found among a hundred thousand others, more than are remembered', () => {
  const random = seeded(7);
  const hot = createHotClients(OPTIONS);
  for (let ms = 0; ms < 7000; ms += 1) {
    for (let index = 0; index < 30; index++) hot.add(`c${random.int(100_000)}`, 100, START + ms);
    hot.add('big', 900, START + ms);
  }
  expect(hot.hot()).toEqual(['big']);
});
