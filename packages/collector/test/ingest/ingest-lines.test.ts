/** Lines of /v1/jsonl over a real ring, journal and group commit: what becomes of them, and what their sender is told. */
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import type { JournalRecord } from '@metricstream/shared/journal/record.ts';
import { expect, test } from 'vitest';
import { onePointBatch } from '../one-point-batch.ts';
import { rig } from './rig.ts';

/** `name value`, for every point of these records. */
function pointsOf(records: readonly JournalRecord[]): string[] {
  const cache = createSeriesSetCache({ clientsMax: 16 });
  return records.flatMap(({ body }) => {
    const { seriesSet, timesUnixNano, values } = readBatch(body, cache);
    const { length } = timesUnixNano;
    return [...values.entries()].flatMap(([at, value]) =>
      Number.isNaN(value) ? [] : [`${seriesSet.series[Math.floor(at / length)]?.name} ${value}`],
    );
  });
}

const onHosts = (hosts: number, name = 'x') =>
  Array.from({ length: hosts }, (_, i) => ({ name, value: i, host: `h${i}` }));

test('the yes waits for the sync that covers the last of the batches, and counts lines, good and bad', async () => {
  const { sendLines, turn, round, events, answers, records, counters } = rig();
  sendLines('lines', [...onHosts(3), { name: 'x' }]);
  turn();
  expect(events).toEqual([]);
  await round();
  expect(events).toEqual(['sync', 'sync', 'lines: 200']);
  expect(JSON.parse(answers.get('lines') ?? '')).toEqual({
    accepted: 3,
    rejected: 1,
    errors: [{ line: 4, reason: 'value: is missing' }],
    durable: 'journal',
  });
  expect(records().map(({ clientId, seq, points }) => [clientId, seq, points])).toEqual([
    ['jsonl:local', 1, 1],
    ['jsonl:local', 2, 1],
    ['jsonl:local', 3, 1],
  ]);
  expect(pointsOf(records())).toEqual(['x 0', 'x 1', 'x 2']);
  const counted = ['accepted', 'points', 'linesAccepted', 'linesRejected'].map((name) => counters.get(name));
  expect(counted).toEqual([3, 3, 3, 1]);
});

test('what could not be stored is 503, leaves no gap behind, and comes again under other seqs', async () => {
  const { sendLines, turn, round, events, failSyncs, records, contiguousSeq, counters } = rig();
  failSyncs(true);
  sendLines('lost', onHosts(2, 'lost'));
  turn();
  await round();
  failSyncs(false);
  for (const name of ['again', 'more']) {
    sendLines(name, onHosts(2, name));
    turn();
    await round();
  }
  expect(events.filter((event) => event !== 'sync')).toEqual(['lost: 503', 'again: 200', 'more: 200']);
  const [first] = records();
  expect(records().map(({ seq, oldestSeq }) => [seq, oldestSeq])).toEqual([
    [3, 3],
    [4, 3],
    [5, 5],
    [6, 5],
  ]);
  expect(contiguousSeq('jsonl:local', first?.epoch ?? 0)).toBe(6);
  expect([counters.get('accepted'), counters.get('refused_journal_failed')]).toEqual([4, 1]);
});

test('requests in one turn keep their answers apart, and batches of agents beside them', async () => {
  const { sendLines, send, turn, round, events } = rig();
  sendLines('two', onHosts(2));
  send('agent', onePointBatch(1));
  sendLines('none', [{ name: 'x' }]);
  sendLines('one', onHosts(1));
  turn();
  await round();
  expect(events.filter((event) => event !== 'sync')).toEqual(['none: 422', 'two: 200', 'agent: 200', 'one: 200']);
});

test('lines enter the ring all or not at all', async () => {
  const { sendLines, turn, round, events, records } = rig('journal', 4096);
  sendLines('never', onHosts(40));
  expect(events).toEqual(['never: 413']);
  let sent = 0;
  while (!events.some((event) => event.endsWith('503'))) sendLines(`${++sent}`, onHosts(6));
  turn();
  await round();
  expect(records()).toHaveLength((sent - 1) * 6);
  sendLines('room again', onHosts(6));
  turn();
  await round();
  expect(events.at(-1)).toBe('room again: 200');
});

test('with ack: memory the yes leaves at once and says so', async () => {
  const { sendLines, turn, round, answers, failSyncs, counters } = rig('memory');
  failSyncs(true);
  sendLines('lines', onHosts(2));
  turn();
  expect(JSON.parse(answers.get('lines') ?? '')).toMatchObject({ accepted: 2, durable: 'memory' });
  await round();
  expect([counters.get('lostBatches'), counters.get('lostPoints')]).toEqual([2, 2]);
});

test('a byte of lines is charged as eight, and points as points', async () => {
  const limits = { requestsPerSecond: Infinity, bytesPerSecond: 1000, pointsPerSecond: Infinity, burstMs: 1000 };
  const { sendLines, events } = rig('journal', 64 * 1024, limits);
  const [line] = onHosts(1);
  const bytes = JSON.stringify(line).length;
  // The burst is a second's worth: the first request beyond it is the one after that which spent it.
  const inBurst = Math.ceil(1000 / (bytes * 8));
  for (let i = 0; i <= inBurst + 1; i++) sendLines(String(i), [line]);
  expect(events).toEqual([`${inBurst}: 429`, `${inBurst + 1}: 429`]);
});

test('lines that become many batches are charged for each of them but the first', async () => {
  // Of a rate so low that a slow machine cannot refill what the test has spent.
  const limits = { requestsPerSecond: Infinity, bytesPerSecond: 2000, pointsPerSecond: Infinity, burstMs: 10_000 };
  const { sendLines, events } = rig('journal', 64 * 1024, limits);
  // 16 KiB and a few hundred bytes, of the 20,000 in the burst; then a second batch too many.
  sendLines('two', onHosts(2));
  sendLines('two more', onHosts(2));
  sendLines('nothing is left', onHosts(1));
  expect(events).toEqual(['nothing is left: 429']);
});

test("nobody may send a batch under a client_id that is the collector's own", () => {
  const { post, send, events, answers } = rig();
  const body = onePointBatch(1, { clientId: 'jsonl:local' });
  const headers = { 'content-type': 'application/x-protobuf', 'client-id': 'jsonl:local' };
  post({ name: 'named', path: '/v1/batches', headers, body });
  send('hidden in the batch', body);
  expect(events).toEqual(['named: 403', 'hidden in the batch: 422']);
  expect(answers.get('named')).toContain('jsonl:');
});

test.each([
  ['no line at all', {}, '', 400],
  ['empty lines only', {}, '\n \r\n\t\n', 400],
  ['nothing good', {}, '{}', 422],
  ['a type of something else', { 'content-type': 'image/png' }, '{"name":"x","value":1}', 415],
  ['what curl says unasked', { 'content-type': 'application/x-www-form-urlencoded' }, '{"name":"x","value":1}', 200],
  ['a charset', { 'content-type': 'text/plain; charset=utf-8' }, '{"name":"x","value":1}', 200],
  ['a web page', { origin: 'https://example.org' }, '{"name":"x","value":1}', 403],
  ['an encoding of something else', { 'content-encoding': 'br' }, '{"name":"x","value":1}', 415],
  ['no gzip', { 'content-encoding': 'gzip' }, '{"name":"x","value":1}', 400],
  ['more than there may be', {}, ' '.repeat(8193), 413],
])('%s', async (name, headers, text, status) => {
  const { post, turn, round, events, answers } = rig();
  post({ name, path: '/v1/jsonl', headers: { accept: 'application/json', ...headers }, body: Buffer.from(text) });
  turn();
  await round();
  expect(events.at(-1)).toBe(`${name}: ${status}`);
  expect(() => JSON.parse(answers.get(name) ?? '')).not.toThrow();
});
