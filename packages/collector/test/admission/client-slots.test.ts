import { describe, expect, test } from 'vitest';
import { idWords, packId, tryLock, unlock } from '../../src/admission/client-slots.ts';

describe('a packed id', () => {
  const packed = (id: string): number[] => {
    const into = new Int32Array(32).fill(-1);
    packId(id, idWords(1), into);
    return [...into];
  };

  test('is told from every other of the same start', () => {
    const ids = ['a', 'aa', 'ab', 'a'.repeat(127), 'a'.repeat(128)];
    expect(new Set(ids.map((id) => packed(id).join())).size).toBe(ids.length);
    expect(packed('abcde').slice(0, 3)).toEqual([0x64636261, 0x65, 0]);
  });

  test.each(['', 'a'.repeat(129), 'é', 'a\0'])('is not made of %j', (id) => {
    expect(() => packed(id)).toThrow(/client id/);
  });

  test('spreads over windows by its low bits, differently by seed', () => {
    const into = new Int32Array(32);
    const windows = new Uint32Array(256);
    const words = idWords(99);
    for (let i = 0; i < 25_600; i++) {
      const at = packId(`host-${i}`, words, into) & 255;
      windows[at] = (windows[at] ?? 0) + 1;
    }
    expect(Math.max(...windows)).toBeLessThan(150);
    expect(Math.min(...windows)).toBeGreaterThan(60);
    expect(packId('host-1', idWords(1), into)).not.toBe(packId('host-1', idWords(2), into));
  });

  test("cannot be prepared to share a window with others, not even by who knows the seed's low byte", () => {
    const into = new Int32Array(32);
    // Pairs of FNV-1a's collisions for every seed with this low byte, found by trying.
    const seed = 0x1234_5678;
    const fnv = (id: string): number => {
      let hash = (seed ^ 0x811c9dc5) & 0xff;
      for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
      return hash;
    };
    const seen = new Map<number, string>();
    const pairs: (readonly [string, string])[] = [];
    for (let i = 0; pairs.length < 20; i++) {
      const id = `host-${Math.imul(i, 0x9e3779b1) >>> 0}`;
      const other = seen.get(fnv(id));
      if (other !== undefined) pairs.push([other, id]);
      seen.set(fnv(id), id);
    }
    const together = pairs.filter(([a, b]) => packId(a, idWords(seed), into) === packId(b, idWords(seed), into));
    expect(together).toEqual([]);
  });
});

test('a lock is taken once, and given up on when its holder does not come back', () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  expect(tryLock(words, 1, 3)).toBe(true);
  expect(tryLock(words, 1, 4)).toBe(false);
  expect(words[1]).toBe(3);
  unlock(words, 1);
  expect(tryLock(words, 1, 4)).toBe(true);
});
