/** What a walker remembers: only equal bytes, two schemas a client, bounded memory. */
import { expect, it } from 'vitest';
import { createSchemaCache } from '../src/schema-cache.ts';

const CLIENT = 17;
const schema = (text: string, length = 300): Buffer => Buffer.alloc(length, text);

it('finds a schema among bytes that begin with it, and says what it is', () => {
  const cache = createSchemaCache(1024 * 1024);
  const bytes = Buffer.concat([Buffer.from('head'), schema('a'), Buffer.from('values')]);
  expect(cache.find(bytes, 4, bytes.length, CLIENT)).toBe(-1);
  cache.store(bytes, 4, 304, CLIENT, 5);
  const slot = cache.find(bytes, 4, bytes.length, CLIENT);
  expect([cache.length(slot), cache.series(slot)]).toEqual([300, 5]);
  expect(cache.find(bytes, 4, 303, CLIENT)).toBe(-1);
  expect(cache.find(bytes, 5, bytes.length, CLIENT)).toBe(-1);
});

it('does not find a schema that differs in one bit', () => {
  const cache = createSchemaCache(1024 * 1024);
  const bytes = schema('abc');
  cache.store(bytes, 0, 300, CLIENT, 5);
  for (let at = 0; at < 300; at++) {
    bytes[at]! ^= 1;
    expect(cache.find(bytes, 0, 300, CLIENT)).toBe(-1);
    bytes[at]! ^= 1;
  }
  expect(cache.find(bytes, 0, 300, CLIENT)).not.toBe(-1);
});

it('keeps the two schemas stored last of a client', () => {
  const cache = createSchemaCache(1024 * 1024);
  const known = (text: string) => {
    const slot = cache.find(schema(text), 0, 300, CLIENT);
    return slot === -1 ? 0 : cache.series(slot);
  };
  for (const [text, series] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const)
    cache.store(schema(text), 0, 300, CLIENT, series);
  expect([known('a'), known('b'), known('c')]).toEqual([0, 2, 3]);
  cache.store(schema('d', 900), 0, 900, CLIENT, 4);
  expect([known('b'), known('c')]).toEqual([0, 3]);
  expect(cache.find(schema('d', 900), 0, 900, CLIENT)).not.toBe(-1);
});

it('drops old schemas rather than exceed its memory, and keeps none that is too large', () => {
  const cache = createSchemaCache(64 * 1024);
  for (let client = 0; client < 5000; client++) cache.store(schema(`${client}`), 0, 300, client, 1);
  let kept = 0;
  for (let client = 0; client < 5000; client++) if (cache.find(schema(`${client}`), 0, 300, client) !== -1) kept++;
  // 300 bytes take 512 of memory.
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThanOrEqual(128);
  cache.store(schema('x', 2000), 0, 2000, CLIENT, 1);
  expect(cache.find(schema('x', 2000), 0, 2000, CLIENT)).toBe(-1);
});
