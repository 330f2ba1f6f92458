import { type Log, silentLog } from '@metricstream/shared/log.ts';
import { expect, test } from 'vitest';
import type { OutMessage, ProduceOutcome, ProduceRequest } from '../../../src/sinks/kafka/client.ts';
import { messageBytes } from '../../../src/sinks/kafka/messages.ts';
import { createDeadLetterTopic } from '../../../src/sources/kafka/dead-letter-topic.ts';
import { bodyOf, jsonOf, messageOf, never, newReader } from './kafka-source-kit.ts';

/** A broker that answers as told, and keeps what it stored. */
function broker(
  answer: (request: ProduceRequest) => ProduceOutcome = () => ({ kind: 'stored', baseOffset: 0 }),
  log: Log = silentLog,
) {
  const stored: OutMessage[] = [];
  const requests: number[] = [];
  let busy = false;
  const deadLetters = createDeadLetterTopic({
    client: {
      async produce(request) {
        expect(busy, 'one request at a time').toBe(false);
        busy = true;
        await new Promise((resolve) => setImmediate(resolve));
        busy = false;
        requests.push(request.messages.length);
        const outcome = answer(request);
        if (outcome.kind === 'stored') stored.push(...request.messages);
        return outcome;
      },
    },
    topics: { to: 'metrics-dead', from: 'metrics-raw' },
    abort: never,
    log,
  });
  return { deadLetters, stored, requests };
}

const poisonOf = (offset: number, value = 'poison') => ({ message: messageOf({ offset, value }), why: 'no batch' });

test('poison keeps its key, value and headers, and says why and where it was', async () => {
  const { deadLetters, stored } = broker();
  const message = messageOf({ offset: 17, key: 'k', value: 'v', headers: { epoch: 'x' } });
  await deadLetters.bury(4, [{ message, why: 'the reason' }]);
  const origin = { why: 'the reason', topic: 'metrics-raw', partition: '4', offset: '17' };
  expect(stored).toEqual([{ key: Buffer.from('k'), value: Buffer.from('v'), headers: { epoch: 'x', ...origin } }]);
  expect(deadLetters.stats).toMatchObject({ poison: 1, records: 0 });
});

test('a message without key and value is a dead letter too', async () => {
  const { deadLetters, stored } = broker();
  await deadLetters.bury(0, [{ message: messageOf({}), why: 'empty' }]);
  expect(stored[0]).toMatchObject({ key: '', value: new Uint8Array(0) });
});

test('much poison goes in requests of a bounded size', async () => {
  const { deadLetters, stored, requests } = broker();
  const large = 'p'.repeat(200 * 1024);
  await deadLetters.bury(0, [
    ...Array.from({ length: 1200 }, (_, at) => poisonOf(at)),
    poisonOf(1200, large),
    poisonOf(1201, large),
    poisonOf(1202, large),
  ]);
  expect(stored.map(({ headers }) => Number(headers['offset']))).toEqual(Array.from({ length: 1203 }, (_, at) => at));
  expect(requests).toEqual([500, 500, 202, 1]);
});

test('what was delivered before a failure is off the list, the rest is not', async () => {
  let calls = 0;
  const { deadLetters, stored } = broker(() =>
    ++calls === 2 ? { kind: 'halt', why: 'there is no topic metrics-dead' } : { kind: 'stored', baseOffset: 0 },
  );
  const poison = Array.from({ length: 700 }, (_, at) => poisonOf(at));
  await expect(deadLetters.bury(0, poison)).rejects.toThrow('dead-letter topic metrics-dead: there is no topic');
  expect(poison).toHaveLength(200);
  await deadLetters.bury(0, poison);
  expect(stored).toHaveLength(700);
  expect(poison).toEqual([]);
});

for (const kind of ['retry', 'halt', 'rejected'] as const)
  test(`a single letter that is answered ${kind} rejects, and the next call is not held up`, async () => {
    let outcome: ProduceOutcome = { kind, why: 'the words' };
    const { deadLetters, stored } = broker(() => outcome);
    await expect(deadLetters.bury(0, [poisonOf(1)])).rejects.toThrow('the words');
    outcome = { kind: 'stored', baseOffset: 1 };
    await deadLetters.bury(0, [poisonOf(1)]);
    expect(stored).toHaveLength(1);
  });

test('letters that are too large together go one by one, and one that is too large alone goes without its value', async () => {
  const { deadLetters, stored } = broker(({ messages }) =>
    messages.reduce((sum, { value }) => sum + value.length, 0) > 100
      ? { kind: 'too_large', why: 'too large' }
      : { kind: 'stored', baseOffset: 0 },
  );
  await deadLetters.bury(2, [poisonOf(1, 'a'.repeat(60)), poisonOf(2, 'b'.repeat(101)), poisonOf(3, 'c'.repeat(60))]);
  expect(stored.map(({ value, headers }) => [value.length, headers['offset'], headers['value-left-out']])).toEqual([
    [60, '1', undefined],
    [0, '2', '101'],
    [60, '3', undefined],
  ]);
  expect(deadLetters.stats.valuesLeftOut).toBe(1);
});

const LARGE = 'x'.repeat(1000);

/** A topic whose messages may have 500 bytes. */
function narrow(log?: Log) {
  return broker(
    ({ messages }) =>
      messages.reduce((sum, one) => sum + messageBytes(one), 0) > 500
        ? { kind: 'too_large', why: 'too large' }
        : { kind: 'stored', baseOffset: 0 },
    log,
  );
}

for (const [what, message, leftOut] of [
  ['headers', { key: 'k', headers: { a: LARGE, offset: LARGE } }, { 'headers-left-out': '2', 'key-left-out': '1' }],
  ['a key', { key: LARGE }, { 'key-left-out': '1000' }],
  ['a key and no value', { key: LARGE, value: undefined }, { 'key-left-out': '1000', 'value-left-out': undefined }],
] as const)
  test(`poison that is too large by ${what} leaves all but our own headers out, and passes`, async () => {
    const { deadLetters, stored } = narrow();
    const poison = [5, 6, 7].map((offset) => ({
      message: messageOf({ value: 'junk', ...(offset === 6 ? message : {}), offset }),
      why: 'the reason',
    }));
    await deadLetters.bury(3, poison);
    expect(poison).toEqual([]);
    expect(stored.map(({ headers }) => headers['offset'])).toEqual(['5', '6', '7']);
    const origin = { why: 'the reason', topic: 'metrics-raw', partition: '3', offset: '6' };
    const headers = { 'value-left-out': '4', ...leftOut, ...origin };
    expect(stored[1]).toEqual({ key: '', value: new Uint8Array(0), headers });
  });

test('what the log says of a letter in part has nothing of what came', async () => {
  const said: string[] = [];
  const log = { ...silentLog, error: (text: string, fields?: object) => void said.push(text + JSON.stringify(fields)) };
  const { deadLetters } = narrow(log);
  const message = messageOf({ key: 'secret', value: 'secret', headers: { secret: `secret ${LARGE}` }, offset: 6 });
  await deadLetters.bury(3, [{ message, why: 'the reason' }]);
  expect(said).toHaveLength(2);
  expect(said.join()).toContain('"offset":"6"');
  expect(said.join()).not.toContain('secret');
});

test('our own headers alone that are too large are an error', async () => {
  const { deadLetters } = narrow();
  await expect(deadLetters.bury(3, [{ message: messageOf({}), why: LARGE }])).rejects.toThrow('too large');
});

test('a rejected record goes as it came, with the sink’s words', async () => {
  const { deadLetters, stored } = broker();
  const headers = { epoch: '7', seq: '1', lane: 'backlog' };
  const { records } = newReader()(6, [messageOf({ offset: 40, key: 'web-1:cpu', value: bodyOf(), headers })]);
  await deadLetters.put(records[0]!, 'influxdb', 'field type conflict');
  expect(stored).toEqual([
    {
      key: Buffer.from('web-1:cpu'),
      value: Buffer.from(bodyOf()),
      headers: {
        ...headers,
        schema: '1',
        points: '2',
        sink: 'influxdb',
        why: 'field type conflict',
        topic: 'metrics-raw',
        partition: '6',
        offset: '40',
      },
    },
  ]);
});

test('of a record that is stored but for some points, the letter names those', async () => {
  const { deadLetters, stored } = broker();
  const { records } = newReader()(
    0,
    [0, 1, 2].map((offset) => messageOf({ offset, value: jsonOf({ name: `a.n${offset}` }) })),
  );
  await deadLetters.put(records[0]!, 'influxdb', 'w'.repeat(5000), { points: 1, text: 'l'.repeat(50_000) });
  expect(stored[0]?.headers).toMatchObject({ offset: '0', 'offset-last': '2', points: '3', 'part-points': '1' });
  expect(stored[0]?.headers['why']).toHaveLength(2000);
  expect(stored[0]?.headers['part-lines']).toHaveLength(16 * 1024);
  expect(Buffer.from(stored[0]!.value)).toEqual(Buffer.from(records[0]!.body));
});

test('two that come at once go one after the other', async () => {
  const { deadLetters, stored } = broker();
  await Promise.all([1, 2, 3].map((offset) => deadLetters.bury(0, [poisonOf(offset)])));
  expect(stored.map(({ headers }) => headers['offset'])).toEqual(['1', '2', '3']);
});
