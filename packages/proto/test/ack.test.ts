/** The Ack both ways, against protobufjs and against bytes that are none. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ackLatin1, decodeAck, encodeAck } from '../src/ack.ts';
import type { Ack } from '../src/batch.ts';
import { metricstream } from '../src/gen/metricstream.js';

const seed = 20260514;

it('has these bytes', () => {
  const ack: Ack = { durable: 'journal', contiguousSeq: 300, receivedUnixMs: 1_790_000_000_123, duplicate: false };
  expect(Buffer.from(encodeAck(ack)).toString('hex')).toBe('080210ac0218fbd8c1a28c34');
  expect(Buffer.from(encodeAck({ ...ack, durable: 'memory', duplicate: true })).toString('hex')).toBe(
    '080110ac0218fbd8c1a28c342001',
  );
  expect(ackLatin1(0, 0, 'journal', false)).toBe('\x08\x02');
});

it('is encoded as protobufjs does, and decoded back to what it was', () => {
  const integer = fc.oneof(
    fc.maxSafeNat(),
    fc.nat(300),
    fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  );
  const acks = fc.record({
    durable: fc.constantFrom('memory' as const, 'journal' as const),
    contiguousSeq: integer,
    receivedUnixMs: integer,
    duplicate: fc.boolean(),
  });
  fc.assert(
    fc.property(acks, (ack) => {
      const bytes = encodeAck(ack);
      const theirs = metricstream.Ack.encode({ ...ack, durable: ack.durable === 'journal' ? 2 : 1 }).finish();
      expect(Buffer.from(bytes).equals(theirs)).toBe(true);
      expect(decodeAck(bytes)).toEqual(ack);
    }),
    { seed, numRuns: 500 },
  );
});

it('reads a stage it does not know as journal, and none as memory', () => {
  expect(decodeAck(Uint8Array.of(0x08, 0x03)).durable).toBe('journal');
  expect(decodeAck(Uint8Array.of(0x08, 0x63)).durable).toBe('journal');
  expect(decodeAck(new Uint8Array(0))).toEqual({
    durable: 'memory',
    contiguousSeq: 0,
    receivedUnixMs: 0,
    duplicate: false,
  });
});

it('skips the fields that are kept for later', () => {
  expect(decodeAck(Uint8Array.of(0x08, 2, 0x10, 5, 0x28, 9, 0x62, 2, 0x68, 0x69))).toMatchObject({ contiguousSeq: 5 });
});

it('says so when the bytes are no Ack', () => {
  expect(() => decodeAck(Buffer.from('<html>'))).toThrow(/answer of 6 bytes is no Ack/);
  expect(() => decodeAck(Uint8Array.of(0x10, 0x80))).toThrow(/no Ack/);
  const tooLarge = metricstream.Ack.encode({ durable: 2, contiguousSeq: { low: 0, high: 0x200000 } }).finish();
  expect(() => decodeAck(tooLarge)).toThrow('Ack.contiguous_seq is 9007199254740992; expected less than 2^53');
});
