/** Members that come twice, found whatever their hashes are. */
import { expect, it } from 'vitest';
import { mulberry32 } from '@metricstream/shared/testing/seeded.ts';
import { createIdentitySet, HASH_SEED } from '../src/identity-set.ts';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { createWalker } from '../src/walk.ts';
import { symbols } from './helpers.ts';

it('finds the earlier of two equal members, also when all hashes are the same', () => {
  const members = ['a', 'b', 'c', 'b', 'a'];
  for (const hash of [() => 0, (text: string) => text.charCodeAt(0), () => -1]) {
    const set = createIdentitySet(8, (a, b) => members[a] === members[b]);
    set.clear();
    expect(members.slice(0, 3).map((text) => set.add(hash(text)))).toEqual([-1, -1, -1]);
    expect(set.add(hash('b'))).toBe(1);
    set.clear();
    expect(set.add(hash('a'))).toBe(-1);
  }
});

it('knows every member while it grows, and none after being cleared', () => {
  const membersMax = 20_000;
  const random = mulberry32(5);
  const values = Int32Array.from({ length: membersMax }, () => Math.floor(random() * 2 ** 32));
  const distinct = [...new Set(values)];
  const taken = new Int32Array(membersMax);
  const set = createIdentitySet(membersMax, (a, b) => taken[a] === taken[b]);
  for (let round = 0; round < 3; round++) {
    set.clear();
    for (const [index, value] of distinct.entries()) {
      taken[index] = value;
      if (set.add(value) !== -1) throw new Error(`member ${index} was not there before`);
    }
  }
  set.clear();
  for (let index = 0; index < 5000; index++) {
    taken[index] = index;
    set.add(index);
  }
  for (let index = 0; index < 5000; index += 7) {
    taken[5000] = index;
    expect(set.add(index)).toBe(index);
  }
});

/**
 * Texts whose FNV-1a hashes are equal for every seed with this low byte: given that byte, FNV-1a is affine in its seed.
 * Each block comes in two forms that collide, so `blocks` of them make 2^blocks texts; an attacker has 256 seeds to try.
 */
function fnvCollisions(lowByte: number, blocks: number): string[] {
  const random = mulberry32(7);
  const fnv = (seed: number, text: string): number => {
    let hash = seed;
    for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    return hash;
  };
  let texts = [''];
  let seed = lowByte;
  for (let block = 0; block < blocks; block++) {
    const seen = new Map<number, string>();
    for (;;) {
      const text = Math.floor(36 ** 5 + random() * 35 * 36 ** 5).toString(36);
      const other = seen.get(fnv(seed, text));
      if (other === undefined || other === text) {
        seen.set(fnv(seed, text), text);
        continue;
      }
      texts = texts.flatMap((before) => [before + other, before + text]);
      seed = fnv(seed, text) & 0xff;
      break;
    }
  }
  return texts;
}

it('takes symbols prepared to collide as fast as others, whatever was guessed of the seed', () => {
  const walk = createWalker(DEFAULT_WIRE_LIMITS);
  const msOf = (texts: readonly string[]): number => {
    const batch = Uint8Array.from(symbols('', ...texts));
    const begunMs = performance.now();
    expect(walk(batch).reason).toBe('client_id is missing');
    return performance.now() - begunMs;
  };
  const prepared = fnvCollisions(HASH_SEED & 0xff, 13);
  const harmless = prepared.map((text, index) => text.slice(6) + (index + 36 ** 5).toString(36));
  const least = (texts: readonly string[]): number => Math.min(...[1, 2, 3].map(() => msOf(texts)));
  least(harmless);
  // With FNV-1a itself: ten to sixty times as long.
  expect(least(prepared)).toBeLessThan(5 * least(harmless));
});
