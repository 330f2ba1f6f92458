/** The walker's rules for the batch's own fields, each broken alone, with the place it names. */
import { expect, it } from 'vitest';
import { encodeBatch } from '../src/encode.ts';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { clientIdEquals, clientIdOf, createWalker } from '../src/walk.ts';
import { assemble, doubles, field, fixed64, type Parts, smallBatch, symbols, varint } from './helpers.ts';
import { checkAccepted, checkRefused, walk } from './walk-checks.ts';

it('accepts a good batch and says what the collector needs of it', () => {
  const bytes = encodeBatch(smallBatch());
  for (const round of ['first', 'known schema']) {
    const result = walk(bytes);
    expect(result, round).toMatchObject({
      ok: true,
      status: 0,
      reason: '',
      epoch: 1_832_960_000_000_517,
      seq: 42,
      pointsSampledTotal: 252,
      dropped: 1,
      series: 3,
      sweeps: 2,
      points: 5,
    });
    expect(clientIdOf(result, bytes)).toBe('web-1');
  }
});

it('walks views into other memory, shared memory among it', () => {
  const bytes = encodeBatch(smallBatch());
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 30), 13, bytes.length);
  shared.set(bytes);
  for (const round of ['first', 'known schema']) {
    const result = createWalker(DEFAULT_WIRE_LIMITS)(shared);
    expect(result, round).toMatchObject({ ok: true, points: 5 });
    expect(clientIdOf(result, shared), round).toBe('web-1');
  }
  expect(walk(shared.subarray(0, shared.length - 1)).ok).toBe(false);
});

it('compares the client id without making a string', () => {
  const { bytes } = assemble();
  const result = walk(bytes);
  expect(clientIdEquals(result, bytes, 'web-1')).toBe(true);
  for (const other of ['web-2', 'web-', 'web-12', '', 'Web-1'])
    expect(clientIdEquals(result, bytes, other)).toBe(false);
});

it('wants what identifies a batch, and at least one sweep', () => {
  const end = (overrides: Partial<Parts>) => assemble(overrides).bytes.length;
  checkRefused({ clientId: [] }, 422, 'client_id is missing', 'clientId', end({ clientId: [] }));
  checkRefused({ epoch: [] }, 422, 'epoch is missing', 'clientId', end({ epoch: [] }));
  checkRefused({ seq: [] }, 422, 'seq is missing', 'clientId', end({ seq: [] }));
  const noTimes = { times: [], values: field(0x72, []) };
  checkRefused(noTimes, 422, 'time_unix_nano is missing', 'clientId', end(noTimes));
  expect(walk(new Uint8Array(0))).toMatchObject({ ok: false, status: 422, reason: 'client_id is missing', offset: 0 });
});

it('knows the client ids', () => {
  checkAccepted({ clientId: field(0x0a, 'A.z_0:9-') });
  checkAccepted({ clientId: field(0x0a, 'x'.repeat(128)) });
  const charset = 'client_id is not [A-Za-z0-9._:-]{1,128}';
  for (const bad of [' ', '/', 'ü', '\n', '"'])
    checkRefused({ clientId: field(0x0a, `ab${bad}`) }, 422, charset, 'clientId', 4);
  checkRefused({ clientId: field(0x0a, '') }, 422, 'client_id is empty', 'clientId', 2);
});

it('keeps integers below 2^53', () => {
  const max = 2n ** 53n - 1n;
  checkAccepted({ epoch: [0x11, ...fixed64(max)], seq: [0x18, ...varint(max)], total: [0x38, ...varint(max)] });
  checkRefused({ epoch: [0x11, ...fixed64(max + 1n)] }, 422, 'epoch is 2^53 or more', 'epoch', 1);
  checkRefused({ epoch: [0x11, ...fixed64(0)] }, 422, 'epoch is 0', 'epoch');
  checkRefused({ seq: [0x18, ...varint(max + 1n)] }, 422, 'seq is 2^53 or more', 'seq', 1);
  checkRefused({ seq: [0x18, 0] }, 422, 'seq is 0', 'seq');
  checkRefused({ total: [0x38, ...varint(2n ** 64n - 1n)] }, 422, 'points_sampled_total is 2^53 or more', 'total', 1);
  checkRefused(
    { schemaVersion: [0x20, ...varint(2 ** 32)] },
    422,
    'schema_version is 2^32 or more',
    'schemaVersion',
    1,
  );
  checkRefused({ seq: [0x18, ...Array<number>(10).fill(0xff), 1] }, 400, 'a varint is longer than 64 bits', 'seq', 1);
  checkRefused({ seq: [0x18, ...Array<number>(9).fill(0xff), 2] }, 400, 'a varint is longer than 64 bits', 'seq', 1);
});

it('wants fields in ascending order, singular ones once', () => {
  const order = 'fields are not in ascending order, or one comes twice';
  checkRefused({ seq: [0x18, 7, 0x18, 7] }, 422, order, 'seq', 2);
  checkRefused({ seq: [0x18, 7, ...field(0x0a, 'web-1')] }, 422, order, 'seq', 2);
  checkRefused({ clientId: [], extra: field(0x0a, 'web-1') }, 422, order, 'extra');
  checkRefused({ series: [...field(0x62, [3, 4, 1, 0]), ...field(0x62, [5, 4, 1, 0])] }, 422, order, 'series', 6);
  checkRefused({ series: field(0x62, []), times: [], values: [], extra: symbols('late') }, 422, order, 'extra');
  checkRefused({ extra: field(0x72, doubles(1, 2)) }, 422, order, 'extra');
});

it('skips fields it does not know, wherever they stand in order', () => {
  checkAccepted({ dropped: [0x48, 1] });
  checkAccepted({ extra: [0x78, 200, 1] });
  checkAccepted({ extra: [0x7d, 1, 2, 3, 4, 0x81, 1, ...fixed64(9), 0xa2, 1, 2, 9, 9, 0xa2, 1, 0] });
  checkRefused({ extra: [0x7d, 1, 2, 3] }, 400, 'a field runs past the end of its message', 'extra', 1);
  checkRefused({ extra: [0x79, 1, 2, 3] }, 400, 'a field runs past the end of its message', 'extra', 1);
  checkRefused({ extra: [0x78, 0x80] }, 400, 'a field runs past the end of its message', 'extra', 1);
});

it('refuses what is no protobuf of this schema', () => {
  const group = 'a field is a group or of an unknown wire type';
  for (const wireType of [3, 4, 6, 7]) checkRefused({ extra: [0x78 | wireType, 0] }, 400, group, 'extra', 1);
  checkRefused({ extra: [0x02, 0] }, 400, 'a field number is 0', 'extra');
  checkRefused({ extra: [...varint(2n ** 32n), 0] }, 400, 'a field number is above 2^29 - 1', 'extra');
  const wireType = 'a field has another wire type than the schema says';
  checkRefused({ seq: [0x19, ...fixed64(7)] }, 400, wireType, 'seq', 1);
  checkRefused({ clientId: [0x08, 1] }, 400, wireType, 'clientId', 1);
  checkRefused({ values: [0x71, ...doubles(1)] }, 400, wireType, 'values', 1);
  // A repeated field that should be packed, and is not.
  checkRefused(
    { resource: [], series: [0x60, 3] },
    422,
    'fields are not in ascending order, or one comes twice',
    'series',
  );
  checkRefused(
    { clientId: [0x0a, 0x80, 0x80, 0x80, 0x01, 0x41] },
    400,
    'a field runs past the end of its message',
    'clientId',
    1,
  );
});

it('reads agent_version as text', () => {
  checkAccepted({ agentVersion: field(0x2a, '1.0-größe') });
  checkRefused(
    { agentVersion: field(0x2a, 'a\nb') },
    422,
    'agent_version holds a control character',
    'agentVersion',
    3,
  );
  checkRefused({ agentVersion: field(0x2a, [0x61, 0xff]) }, 400, 'agent_version is not UTF-8', 'agentVersion', 3);
});

it('checks each entry of dropped_total', () => {
  const epoch = [0x09, ...fixed64(5)];
  const reason = field(0x12, 'spool_full');
  const dropped = (...content: number[]) => ({ dropped: field(0x42, content) });
  checkAccepted(dropped(...epoch, ...reason));
  checkAccepted({
    dropped: [...dropped(...epoch, ...reason).dropped, ...dropped(...epoch, ...field(0x12, 'a1_')).dropped],
  });
  checkAccepted(
    dropped(...epoch, ...reason, 0x18, 9, 0x20, 3, 0x28, 3, 0x31, ...fixed64(1), 0x39, ...fixed64(2), 0x40, 1),
  );
  checkRefused(dropped(...epoch), 422, 'an entry of dropped_total lacks its epoch or reason', 'dropped', 2);
  checkRefused(dropped(...reason), 422, 'an entry of dropped_total lacks its epoch or reason', 'dropped', 2);
  checkRefused(dropped(0x09, ...fixed64(0), ...reason), 422, 'dropped_total.epoch is 0', 'dropped', 2);
  checkRefused(dropped(0x09, ...fixed64(2n ** 60n)), 422, 'dropped_total.epoch is 2^53 or more', 'dropped', 3);
  const charset = 'dropped_total.reason is not [a-z][a-z0-9_]*';
  checkRefused(dropped(...epoch, ...field(0x12, 'Full')), 422, charset, 'dropped', 13);
  checkRefused(dropped(...epoch, ...field(0x12, '_full')), 422, charset, 'dropped', 13);
  checkRefused(dropped(...epoch, ...field(0x12, 'a-b')), 422, charset, 'dropped', 14);
  checkRefused(dropped(...epoch, ...field(0x12, '')), 422, charset, 'dropped', 13);
  for (const [tag, name] of [
    [0x18, 'points'],
    [0x20, 'first_seq'],
    [0x28, 'last_seq'],
  ] as const) {
    const over = dropped(...epoch, ...reason, tag, ...varint(2n ** 53n));
    checkRefused(over, 422, `dropped_total.${name} is 2^53 or more`, 'dropped', 2 + epoch.length + reason.length + 1);
  }
  checkRefused(
    dropped(...epoch, ...reason, 0x20, 4, 0x28, 3),
    422,
    'dropped_total.first_seq is above last_seq',
    'dropped',
    2,
  );
  const order = 'fields are not in ascending order, or one comes twice';
  checkRefused(dropped(...epoch, ...epoch), 422, order, 'dropped', 11);
  checkRefused(dropped(...reason, ...epoch), 422, order, 'dropped', 14);
  checkRefused(dropped(0x08, 5), 400, 'a field has another wire type than the schema says', 'dropped', 3);
  checkRefused(dropped(...epoch, 0x12, 60, 0x61), 400, 'a field runs past the end of its message', 'dropped', 12);
  checkRefused(dropped(...epoch, ...reason, 0x31, 1), 400, 'a field runs past the end of its message', 'dropped', 24);
});

it('checks times and values', () => {
  const times = (...values: bigint[]) => field(0x6a, values.flatMap(fixed64));
  checkAccepted({ times: times(1n, 2n ** 63n - 1n), values: field(0x72, doubles(1, 2, 3, 4)) });
  checkRefused({ times: times(5n, 0n) }, 422, 'a time is 0, or 2^63 ns or more', 'times', 10);
  checkRefused({ times: times(2n ** 63n) }, 422, 'a time is 0, or 2^63 ns or more', 'times', 2);
  checkRefused({ times: field(0x6a, [1, 2, 3]) }, 400, 'the bytes of time_unix_nano are no multiple of 8', 'times', 1);
  const shape = 'the bytes of values are not series × sweeps × 8';
  checkRefused({ values: field(0x72, doubles(1)) }, 422, shape, 'values', 1);
  checkRefused({ values: field(0x72, doubles(1, 2, 3)) }, 422, shape, 'values', 1);
  checkRefused({ values: field(0x72, doubles(1, 2).slice(1)) }, 422, shape, 'values', 1);
  checkRefused({ values: [] }, 422, 'values are missing', 'extra');
  for (const infinite of [Infinity, -Infinity])
    checkRefused({ values: field(0x72, doubles(1, infinite)) }, 422, 'a value is infinite', 'values', 10);
});

it('takes any NaN for no point, and every finite number for one', () => {
  const nans = [
    [0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
    [1, 0, 0, 0, 0, 0, 0xf0, 0x7f],
    [0, 0, 0, 0, 0, 0, 0xf8, 0xff],
    [0, 0, 0, 0, 0, 1, 0xf0, 0xff],
  ];
  for (const nan of nans)
    expect(walk(assemble({ values: field(0x72, [...doubles(5), ...nan]) }).bytes)).toMatchObject({
      ok: true,
      points: 1,
    });
  for (const finite of [0, -0, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, -1, 1e300])
    expect(walk(assemble({ values: field(0x72, doubles(5, finite)) }).bytes)).toMatchObject({ ok: true, points: 2 });
});
