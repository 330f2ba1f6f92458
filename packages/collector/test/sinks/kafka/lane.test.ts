import { expect, test } from 'vitest';
import { createLane, type Lane } from '../../../src/sinks/kafka/lane.ts';
import { recordOf } from './kit.ts';

const FITS = { recordsMax: 1000, bytesMax: 1 << 30, bytesOf: () => 1 };
const open = (bytesMax: number): Lane =>
  createLane({ partition: 3, place: { position: 100, records: 7, points: 14 }, bytesMax });

function put(lane: Lane, seq: number, position: number, sweeps = 1): void {
  const record = recordOf({ clientId: 'a', seq, sweeps });
  const { points } = record;
  lane.put({ partition: 3, key: 'a', part: undefined, points, take: () => record }, position);
}

test('it holds its share of bytes and no more, but one record always', () => {
  const lane = open(4000);
  expect(lane.hasRoom(1 << 20)).toBe(true);
  put(lane, 1, 100, 300);
  expect([lane.hasRoom(1), lane.isThirsty()]).toEqual([false, false]);
  lane.begin(FITS);
  lane.finish();
  let taken = 0;
  while (lane.hasRoom(recordOf({ clientId: 'a', seq: 1 }).body.length)) put(lane, ++taken, 100 + taken);
  expect(taken).toBeGreaterThan(4);
  expect(taken).toBeLessThan(11);
});

test('it is thirsty when half of its share is free, and the record that did not fit would', () => {
  const lane = open(4000);
  put(lane, 1, 100);
  expect(lane.isThirsty()).toBe(true);
  expect(lane.hasRoom(3900)).toBe(false);
  expect(lane.isThirsty()).toBe(false);
  lane.begin(FITS);
  lane.finish();
  expect(lane.isThirsty()).toBe(true);
});

test('its place is the oldest record that is not done, and counts all that come after', () => {
  const lane = open(1 << 20);
  expect(lane.place()).toEqual({ position: 100, records: 7, points: 14 });
  for (const [index, position] of [100, 140, 180].entries()) put(lane, index + 1, position);
  lane.readAt = 220;
  lane.unread.records = 4;
  lane.unread.points = 8;
  expect(lane.begin({ ...FITS, recordsMax: 2 }).map(({ seq }) => seq)).toEqual([1, 2]);
  expect(lane.place()).toEqual({ position: 100, records: 7, points: 14 });
  lane.finish();
  expect(lane.place()).toEqual({ position: 180, records: 5, points: 10 });
  expect(lane.begin(FITS).map(({ seq }) => seq)).toEqual([3]);
  lane.finish();
  expect(lane.place()).toEqual({ position: 220, records: 4, points: 8 });
  expect(lane.begin(FITS)).toEqual([]);
});

test('a delivery is as large as asked for, and one record at least', () => {
  const lane = open(1 << 20);
  for (let seq = 1; seq <= 10; seq++) put(lane, seq, seq);
  const sizes: number[] = [];
  for (const bytesMax of [3, 0, 4, 99]) {
    sizes.push(lane.begin({ ...FITS, bytesMax }).length);
    lane.finish();
  }
  expect(sizes).toEqual([3, 1, 4, 2]);
});
