/** The Ack and the refusal both ways, against protobufjs and against bytes that are none. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ackLatin1, decodeAck, decodeRefusal, encodeAck, refusalLatin1 } from '../src/ack.ts';
import type { Ack, Refusal, RetryClass } from '../src/batch.ts';
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

const integer = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(300),
  fc.constantFrom(127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
);

it('is encoded as protobufjs does, and decoded back to what it was', () => {
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
  expect(decodeAck(Uint8Array.of(0x08, 2, 0x10, 5, 0x28, 9, 0x7a, 2, 0x68, 0x69))).toMatchObject({ contiguousSeq: 5 });
});

it('says so when the bytes are no Ack', () => {
  expect(() => decodeAck(Buffer.from('<html>'))).toThrow(/answer of 6 bytes is no Ack/);
  expect(() => decodeAck(Uint8Array.of(0x10, 0x80))).toThrow(/no Ack/);
  const tooLarge = metricstream.Ack.encode({ durable: 2, contiguousSeq: { low: 0, high: 0x200000 } }).finish();
  expect(() => decodeAck(tooLarge)).toThrow('Ack.contiguous_seq is 9007199254740992; expected less than 2^53');
});

const busy: Refusal = { retryClass: 'busy', message: 'no', retryAfterMs: 300, limit: 'x' };

const bytesOf = (refusal: Refusal): Buffer => Buffer.from(refusalLatin1(refusal), 'latin1');

it('a refusal has these bytes', () => {
  expect(bytesOf(busy).toString('hex')).toBe('580262026e6f68ac02720178');
  expect(refusalLatin1({ retryClass: 'unspecified', message: '', retryAfterMs: 0, limit: '' })).toBe('');
});

it('a refusal is encoded as protobufjs does, and decoded back to what it was', () => {
  const classes: RetryClass[] = ['unspecified', 'quota', 'busy', 'never', 'auth'];
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('', 'requests: 100/s', 'Größe'));
  const refusals = fc.record({
    retryClass: fc.constantFrom(...classes),
    message: text,
    retryAfterMs: integer,
    limit: text,
  });
  fc.assert(
    fc.property(refusals, (refusal) => {
      const bytes = bytesOf(refusal);
      const theirs = metricstream.Ack.encode({ ...refusal, retryClass: classes.indexOf(refusal.retryClass) }).finish();
      expect(bytes.equals(theirs)).toBe(true);
      expect(decodeRefusal(bytes)).toEqual(refusal);
    }),
    { seed, numRuns: 500 },
  );
});

it('a refusal that was cut short is one with fewer fields or none, wherever it was cut', () => {
  const bytes = bytesOf(busy);
  const none: Refusal = { retryClass: 'unspecified', message: '', retryAfterMs: 0, limit: '' };
  const whole: Record<number, Partial<Refusal>> = {
    0: {},
    2: { retryClass: 'busy' },
    6: { retryClass: 'busy', message: 'no' },
    9: { retryClass: 'busy', message: 'no', retryAfterMs: 300 },
    12: busy,
  };
  for (let length = 0; length <= bytes.length; length++) {
    const cut = bytes.subarray(0, length);
    const expected = whole[length];
    if (expected === undefined) expect(() => decodeRefusal(cut), `${length} bytes`).toThrow(/is no Ack/);
    else expect(decodeRefusal(cut)).toEqual({ ...none, ...expected });
  }
});

it('reads a class it does not know as none, an endless wait as a very long one, and skips what it does not know', () => {
  expect(decodeRefusal(Uint8Array.of(0x58, 99, 0x78, 1)).retryClass).toBe('unspecified');
  const endless = metricstream.Ack.encode({ retryAfterMs: { low: -1, high: -1 } }).finish();
  expect(decodeRefusal(endless).retryAfterMs).toBe(Number.MAX_SAFE_INTEGER);
});

it('a refusal is no yes: nobody has received anything', () => {
  expect(decodeAck(bytesOf(busy)).receivedUnixMs).toBe(0);
});
