import { crc32 } from 'node:zlib';
import { Lane } from '@metricstream/shared/journal/record.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodyOf, jsonOf, type MessageOptions, messageOf, newReader } from './kafka-source-kit.ts';

const read = newReader();

function check(message: MessageOptions, expected: { record: object } | { why: string }): void {
  const { records, poison } = read(3, [messageOf(message)]);
  if ('why' in expected) {
    expect(records).toEqual([]);
    expect(poison).toEqual([{ message: messageOf(message), why: expect.stringContaining(expected.why) }]);
  } else {
    expect(poison).toEqual([]);
    expect(records).toEqual([expect.objectContaining(expected.record)]);
  }
}

test('a batch becomes the record that the collector had in its journal', () => {
  const body = bodyOf({ clientId: 'db:1', epoch: 9, seq: 4, values: [1, 2, 3] });
  const headers = { epoch: '9', seq: '4', 'oldest-seq': '2', schema: '1', points: '3', lane: 'backlog', received: '5' };
  const message = { key: 'db:1', value: body, headers, offset: 17 };
  check(message, {
    record: {
      clientId: 'db:1',
      epoch: 9,
      seq: 4,
      oldestSeq: 2,
      points: 3,
      lane: Lane.backlog,
      receivedUnixMs: 5,
      bodyCrc: crc32(body),
      body: Buffer.from(body),
      origin: { partition: 3, messages: [messageOf(message)] },
    },
  });
});

test('a batch that anybody sent without key and headers is one too', () => {
  const record = { clientId: 'web-1', epoch: 7, seq: 1, oldestSeq: 0, points: 2, lane: Lane.live, receivedUnixMs: 77 };
  check({ value: bodyOf(), timestampMs: 77 }, { record });
});

test('a message that was not read is poison, in its place among the others, with the reason', () => {
  const unread = { ...messageOf({ offset: 1 }), unread: 'too large' };
  const { records, poison } = read(3, [
    messageOf({ value: bodyOf() }),
    unread,
    messageOf({ value: bodyOf(), offset: 2 }),
  ]);
  expect(records.map(({ origin }) => origin.messages[0]?.offset)).toEqual([0, 2]);
  expect(poison).toEqual([{ message: unread, why: 'too large' }]);
});

test('the points are those of the batch, whatever the header says', () => {
  check({ value: bodyOf({ values: [1, Number.NaN, 3] }), headers: { points: '99' } }, { record: { points: 2 } });
});

test('the key may be the client or one of its metrics, and nothing else', () => {
  const value = bodyOf({ clientId: 'a:b' });
  for (const key of ['a:b', 'a:b:cpu', '']) check({ key, value }, { record: { clientId: 'a:b' } });
  for (const key of ['a', 'a:', 'a:bc', 'A:b', 'web-1'])
    check({ key, value }, { why: 'the key is not of the client_id' });
});

test('headers that name another batch make it poison', () => {
  const value = bodyOf();
  check({ value, headers: { epoch: '8' } }, { why: 'the header epoch is not the epoch inside' });
  for (const seq of ['2', '', '1.0', '-1', '0x1', '99999999999999999'])
    check({ value, headers: { seq } }, { why: 'the header seq is not the seq inside' });
});

test('headers that only inform may be nonsense', () => {
  const headers = { 'oldest-seq': 'x', received: '-3', lane: 'fast', schema: 'one' };
  check({ value: bodyOf(), headers, timestampMs: 5 }, { record: { oldestSeq: 0, receivedUnixMs: 5, lane: Lane.live } });
});

test('a batch of a later schema is not guessed at', () => {
  check({ value: bodyOf(), headers: { schema: '2' } }, { why: 'schema 2; this version reads up to 1' });
});

test('what is no batch says where it stops being one', () => {
  check({}, { why: 'the message has no value' });
  check({ value: '' }, { why: 'the message has no value' });
  check({ value: 'hello' }, { why: 'neither a batch nor JSON' });
  const cut = bodyOf().subarray(0, 40);
  check({ value: cut }, { why: 'at byte' });
});

test('batches and JSON may alternate, and each keeps its place', () => {
  const messages = [
    { value: bodyOf({ seq: 1 }) },
    { value: jsonOf({ seq: 2, name: 'a.b' }) },
    { value: jsonOf({ seq: 2, name: 'a.c' }) },
    { value: 'poison' },
    { value: bodyOf({ seq: 3 }) },
    { value: jsonOf({ seq: 4 }) },
  ].map((one, offset) => messageOf({ ...one, offset }));
  const { records, poison } = read(0, messages);
  expect(records.map(({ seq, points, origin }) => [seq, points, origin.messages.map(({ offset }) => offset)])).toEqual([
    [1, 2, [0]],
    [2, 2, [1, 2]],
    [3, 2, [4]],
    [4, 1, [5]],
  ]);
  expect(poison.map(({ message }) => message.offset)).toEqual([3]);
});

test('any bytes, and any damage to a batch, are a record or poison, and each message is accounted for once', () => {
  const good = bodyOf({ values: [1, 2, 3] });
  const damaged = fc
    .tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.length))
    .map(([at, byte, length]) => {
      const bytes = Uint8Array.from(good);
      bytes[at] = byte;
      return bytes.subarray(0, length);
    });
  const jsonLike = fc.json().map((text) => Buffer.from(`{${text}`));
  const values = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged, jsonLike, fc.constant(Buffer.from(jsonOf()))),
  );
  fc.assert(
    fc.property(values, (all) => {
      const messages = all.map((value, offset) => messageOf({ value, offset }));
      const { records, poison } = read(0, messages);
      const offsets = [
        ...records.flatMap(({ origin }) => [...origin.messages]),
        ...poison.map((one) => one.message),
      ].map(({ offset }) => offset);
      expect(offsets.sort((a, b) => a - b)).toEqual(messages.map(({ offset }) => offset));
    }),
    { numRuns: 300 },
  );
});
