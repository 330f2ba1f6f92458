import { fakeClock } from '@metricstream/shared/testing/fake-clock.ts';
import { expect, test } from 'vitest';
import { createHomes, relativeDeviation } from '../../../src/sinks/kafka/homes.ts';
import { partitionFor } from '../../../src/sinks/kafka/murmur2.ts';

const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);

test('each client has the partition of its key and is counted once', () => {
  const homes = createHomes({ partitions: 12, clientsMax: 1000 });
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 500; index++) expect(homes.of(`web-${index}`)).toBe(partitionFor(`web-${index}`, 12));
  }
  expect(total(homes.clients())).toBe(500);
});

test('clients not seen for a generation are forgotten; those that are, are not', async () => {
  const clock = fakeClock();
  const homes = createHomes({ partitions: 3, clientsMax: 1000 }, () => clock.monotonicMs());
  for (const client of ['a', 'b', 'c']) homes.of(client);
  for (let generation = 0; generation < 4; generation++) {
    homes.age();
    homes.of('a');
    await clock.advance(600_000);
  }
  expect(total(homes.clients())).toBe(1);
  expect(homes.clients()[partitionFor('a', 3)]).toBe(1);
});

test('it remembers no more than twice the clients it may', () => {
  const homes = createHomes({ partitions: 3, clientsMax: 100 });
  for (let index = 0; index < 10_000; index++) homes.of(`web-${index}`);
  expect(total(homes.clients())).toBeGreaterThan(99);
  expect(total(homes.clients())).toBeLessThan(201);
});

test('the deviation is relative to the mean', () => {
  expect(relativeDeviation([10, 10, 10])).toBe(0);
  expect(relativeDeviation([5, 15])).toBe(0.5);
  expect(relativeDeviation([0, 0])).toBe(0);
});
