/** Varints and words against arithmetic that cannot lose bits. */
import { expect, it } from 'vitest';
import { readFixed64, readFixed64BigInt, readVarint, VARINT_TOO_LONG, VARINT_TRUNCATED } from '../src/wire.ts';
import { fixed64, varint } from './helpers.ts';

const edges = [0n, 1n, 127n, 128n, 300n, 2n ** 28n, 2n ** 31n, 2n ** 32n, 2n ** 35n + 1n, 2n ** 53n - 1n];

it('reads varints exactly up to 2^53, and larger ones as larger', () => {
  for (const value of edges) {
    const bytes = Uint8Array.from([9, ...varint(value), 9]);
    const cursor = { at: 1 };
    expect(readVarint(bytes, cursor, bytes.length)).toBe(Number(value));
    expect(cursor.at).toBe(bytes.length - 1);
  }
  for (const value of [2n ** 53n, 2n ** 60n, 2n ** 64n - 1n])
    expect(readVarint(Uint8Array.from(varint(value)), { at: 0 }, 10)).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
});

it('takes a varint longer than it needs to be', () => {
  expect(readVarint(Uint8Array.of(0x85, 0x80, 0x00), { at: 0 }, 3)).toBe(5);
});

it('stays where it is when a varint ends too late or never', () => {
  const cursor = { at: 0 };
  const endless = new Uint8Array(12).fill(0x80);
  for (let end = 0; end < 10; end++) expect(readVarint(endless, cursor, end)).toBe(VARINT_TRUNCATED);
  expect(readVarint(endless, cursor, 12)).toBe(VARINT_TOO_LONG);
  expect(readVarint(Uint8Array.from([...Array<number>(9).fill(0xff), 2]), cursor, 10)).toBe(VARINT_TOO_LONG);
  expect(cursor.at).toBe(0);
});

it('reads words', () => {
  for (const value of [...edges, 2n ** 63n + 5n, 2n ** 64n - 1n]) {
    const bytes = Uint8Array.from([1, ...fixed64(value)]);
    expect(readFixed64BigInt(bytes, 1)).toBe(value);
    expect(readFixed64(bytes, 1)).toBe(Number(value));
  }
});
