import type { Outcome } from '@metricstream/shared/pump/types.ts';
import { expect, test } from 'vitest';
import { createLaneSink, newLaneCounts } from '../../../src/sinks/kafka/lane-sink.ts';
import { createEncoder, type LaneRecord } from '../../../src/sinks/kafka/messages.ts';
import type { KafkaSettings } from '../../../src/sinks/kafka/settings.ts';
import type { Answer } from './kit.ts';
import { laneRecordOf, memoryKafka } from './kit.ts';

const never = new AbortController().signal;

function rig(options: { requestBytesMax?: number; encoding?: KafkaSettings['encoding'] } = {}) {
  const { requestBytesMax = 1 << 20, encoding = 'batch' } = options;
  const kafka = memoryKafka(1);
  const counts = newLaneCounts();
  const requests: number[] = [];
  const answers: Answer[] = [];
  kafka.answer = ({ messages }) => {
    requests.push(messages.length);
    return answers.shift() ?? 'stored';
  };
  const watch = { fault: async () => undefined, requestBytesMax: () => requestBytesMax };
  const encoder = createEncoder({ encoding, clientsMax: 9 });
  const sink = createLaneSink({ client: kafka.client, topic: 't', partition: 0, encoder, watch, counts });
  const write = (records: LaneRecord[]): Promise<Outcome> => sink.write({ records, bytes: 0 }, never);
  return { kafka, counts, requests, answers, write };
}

const records = (count: number, sweeps = 1) =>
  Array.from({ length: count }, (_, index) => laneRecordOf({ clientId: 'a', seq: index + 1, sweeps }));
const seqs = (stored: { headers: Readonly<Record<string, string>> }[]) => stored.map(({ headers }) => headers.seq);

test('a delivery is one request, and stored on the broker’s word', async () => {
  const { kafka, counts, requests, write } = rig();
  expect(await write(records(20))).toEqual({ kind: 'stored', losses: [] });
  expect(requests).toEqual([20]);
  expect(seqs(kafka.stored)).toEqual(Array.from({ length: 20 }, (_, index) => String(index + 1)));
  expect([counts.messages, counts.stored, counts.failed]).toEqual([20, 1, 0]);
});

test('a large delivery is cut into requests; what one has stored is not sent again because the next failed', async () => {
  const { kafka, requests, answers, write } = rig({ requestBytesMax: 1200 });
  const delivery = records(10);
  answers.push('stored', { kind: 'retry', why: 'no leader' });
  expect(await write(delivery)).toEqual({ kind: 'retry', why: 'no leader' });
  expect(await write(delivery)).toEqual({ kind: 'stored', losses: [] });
  expect(requests.slice(0, 3)).toEqual([requests[0], requests[1], requests[1]]);
  expect(seqs(kafka.stored)).toEqual(Array.from({ length: 10 }, (_, index) => String(index + 1)));
});

test('a batch that is too large for the broker is found and rejected; all around it is stored', async () => {
  const { kafka, write } = rig();
  kafka.messageBytesMax = 3000;
  const delivery = records(9);
  delivery[4] = laneRecordOf({ clientId: 'a', seq: 5, sweeps: 300 });
  expect(await write(delivery)).toMatchObject({ kind: 'rejected', which: [4], losses: [] });
  expect(seqs(kafka.stored)).toEqual(['1', '2', '3', '4', '6', '7', '8', '9']);
});

test('what the broker refuses is remembered while its neighbours are tried again', async () => {
  const { kafka, answers, write } = rig({ requestBytesMax: 1 });
  const delivery = records(3);
  answers.push({ kind: 'rejected', why: 'INVALID_RECORD' }, 'stored', { kind: 'retry', why: 'no leader' });
  expect(await write(delivery)).toEqual({ kind: 'retry', why: 'no leader' });
  expect(await write(delivery)).toEqual({ kind: 'rejected', which: [0], why: 'INVALID_RECORD', losses: [] });
  expect(seqs(kafka.stored)).toEqual(['2', '3']);
});

test('as JSON, a point that does not fit is a loss of its batch, with its line; the other points are stored', async () => {
  const { kafka, answers, write } = rig({ encoding: 'json', requestBytesMax: 1 });
  answers.push('stored', { kind: 'too_large', why: 'too much' });
  const delivery = [laneRecordOf({ clientId: 'a', seq: 1, metrics: ['m1', 'm2', 'm3'] })];
  const outcome = await write(delivery);
  expect(outcome).toMatchObject({ kind: 'stored', losses: [{ index: 0, points: 1, why: 'too much' }] });
  expect(JSON.parse(outcome.kind === 'stored' ? (outcome.losses?.[0]?.text ?? '') : '')).toMatchObject({ name: 'm2' });
  const names = kafka.stored.map(({ value }) => (JSON.parse(Buffer.from(value).toString()) as { name: string }).name);
  expect(names).toEqual(['m1', 'm3']);
});

test('as JSON, a batch that cannot be read is rejected, and one without points is stored', async () => {
  const { kafka, write } = rig({ encoding: 'json' });
  const delivery = [
    laneRecordOf({ clientId: 'a', seq: 1 }, { body: Uint8Array.of(10, 99) }),
    laneRecordOf({ clientId: 'a', seq: 2, metrics: [] }),
    laneRecordOf({ clientId: 'a', seq: 3 }),
  ];
  expect(await write(delivery)).toMatchObject({
    kind: 'rejected',
    which: [0],
    why: expect.stringMatching(/cannot read/),
  });
  expect(seqs(kafka.stored)).toEqual(['3', '3']);
});
