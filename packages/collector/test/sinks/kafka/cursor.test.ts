import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveCursor } from '@metricstream/shared/journal/cursor.ts';
import type { CursorAlarm } from '@metricstream/shared/journal/source.ts';
import { expect, test } from 'vitest';
import {
  type Loaded,
  loadKafkaCursor,
  lowest,
  partitionsWaiting,
  stateToSave,
} from '../../../src/sinks/kafka/cursor.ts';
import type { HotAnswer } from '../../../src/sinks/kafka/routing.ts';
import { append, openTestJournal, temporaryDirectory } from './kit.ts';

function rig() {
  const dir = temporaryDirectory();
  const journal = openTestJournal(join(dir, 'journal'));
  append(
    journal,
    Array.from({ length: 20 }, (_, index) => ({ clientId: 'a', seq: index + 1 })),
  );
  const path = join(dir, 'kafka.json');
  const end = journal.durable.get();
  return {
    path,
    end,
    save: (state: Loaded) => saveCursor(path, stateToSave(journal.id, state)),
    load(partitions: number, answer: HotAnswer = 'off', id = journal.id) {
      const alarms: CursorAlarm['alarm'][] = [];
      const loaded = loadKafkaCursor({
        path,
        journal: { dir: join(dir, 'journal'), id, end },
        wanted: { partitions, answer },
        onAlarm: ({ alarm }) => alarms.push(alarm),
      });
      return { ...loaded, alarms };
    },
  };
}

test('without a cursor every partition begins with the oldest record', () => {
  const { load } = rig();
  const { lanes, front, routing, alarms } = load(3);
  expect(lanes).toEqual(Array.from({ length: 3 }, () => ({ position: 0, records: 0, points: 0 })));
  expect(front).toEqual({ position: 0, points: 0 });
  expect(routing).toEqual([{ from: 0, partitions: 3, answer: 'off', hot: [] }]);
  expect(alarms).toEqual([]);
});

test('each partition goes on at its own place; the file’s position is the lowest', () => {
  const { load, save } = rig();
  const state = load(2);
  state.front = { position: 800, points: 10 };
  state.lanes = [
    { position: 800, records: 0, points: 0 },
    { position: 400, records: 3, points: 6 },
  ];
  save(state);
  expect(load(2)).toEqual(state);
  expect(lowest(state.lanes, 800)).toBe(400);
});

test('another number of partitions is valid from the front on; new ones begin there, old ones end what they have', () => {
  const { load, save } = rig();
  const state = load(2);
  state.front.position = 800;
  state.lanes[0] = { position: 800, records: 0, points: 0 };
  state.lanes[1] = { position: 400, records: 3, points: 6 };
  save(state);
  const grown = load(4, 'dedicated_partition');
  expect(grown.routing).toEqual([
    ...state.routing,
    { from: 800, partitions: 4, answer: 'dedicated_partition', hot: [] },
  ]);
  expect(grown.lanes.map(({ position }) => position)).toEqual([800, 400, 800, 800, 800]);
  save(grown);
  const shrunk = load(1);
  expect(shrunk.routing.map(({ partitions }) => partitions)).toEqual([2, 1]);
  expect(shrunk.lanes.map(({ position }) => position)).toEqual([800, 400]);
  shrunk.lanes[1] = { position: 800, records: 0, points: 0 };
  save(shrunk);
  const done = load(1);
  expect([done.routing.length, done.lanes.length]).toEqual([1, 1]);
});

test('fewer partitions are enough at once where no batch waits for the others', () => {
  const { load, save } = rig();
  const state = load(4);
  state.front.position = 800;
  state.lanes = state.lanes.map(() => ({ position: 800, records: 0, points: 0 }));
  save(state);
  expect(partitionsWaiting(load(4))).toBe(0);
  expect(load(2)).toMatchObject({ routing: [{ from: 800, partitions: 2 }], lanes: [{ position: 800 }, {}] });
  expect(load(2).lanes).toHaveLength(2);
  state.lanes[3] = { position: 400, records: 3, points: 6 };
  save(state);
  for (const partitions of [2, 4, 6]) expect(partitionsWaiting(load(partitions))).toBe(4);
  expect(load(2).lanes).toHaveLength(4);
});

test('hot clients stay hot over a start, unless the answer to them is another', () => {
  const { load, save } = rig();
  const state = load(4, 'split_by_metric');
  state.routing = [{ from: 0, partitions: 4, answer: 'split_by_metric', hot: ['a'] }];
  state.front.position = 800;
  save(state);
  expect(load(4, 'split_by_metric').routing.at(-1)?.hot).toEqual(['a']);
  expect(load(8, 'split_by_metric').routing.at(-1)).toEqual({
    from: 800,
    partitions: 8,
    answer: 'split_by_metric',
    hot: ['a'],
  });
  expect(load(4, 'dedicated_partition').routing.at(-1)?.hot).toEqual([]);
});

test('places beyond the journal’s end come back to it', () => {
  const { load, save, end } = rig();
  const state = load(2);
  state.front.position = end + 4000;
  state.lanes = state.lanes.map((lane) => ({ ...lane, position: end + 2000 }));
  save(state);
  const loaded = load(2);
  expect([loaded.front.position, ...loaded.lanes.map(({ position }) => position)]).toEqual([end, end, end]);
});

test('a cursor that is damaged, of another journal, or not of this sink begins where nothing is missed', () => {
  const { path, load, save, end } = rig();
  const state = load(2);
  state.front = { position: 800, points: 10 };
  state.lanes = state.lanes.map((lane, index) => ({ ...lane, position: 400 + index * 400 }));
  save(state);
  expect(load(2, 'off', 99)).toMatchObject({ alarms: ['foreign_journal'], front: { position: 0 } });
  save({ ...state, routing: [] });
  const odd = load(2);
  expect(odd.alarms).toEqual(['damaged_cursor']);
  expect(odd.lanes.map(({ position }) => position)).toEqual([400, 400]);
  expect(odd.front.position).toBe(400);
  writeFileSync(path, '{');
  expect(load(2)).toMatchObject({ alarms: ['damaged_cursor'], front: { position: 0 } });
  expect(end).toBeGreaterThan(800);
});
