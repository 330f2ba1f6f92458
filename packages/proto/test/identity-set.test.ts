/** Members that come twice, found whatever their hashes are. */
import { expect, it } from 'vitest';
import { mulberry32 } from '../bench/host-batch.ts';
import { createIdentitySet } from '../src/identity-set.ts';

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
