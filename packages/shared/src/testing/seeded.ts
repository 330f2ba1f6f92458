/** Randomness for tests: seeded, small, and printable, so that a failure can be played again. Never used by programs. */

export interface Seeded {
  readonly seed: number;
  /** Uniform in [0, 1). */
  next(): number;
  /** Whole, from 0 to below `below`. */
  int(below: number): number;
  pick<T>(items: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

/** @returns a generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param seed MS_TEST_SEED when set, so that a printed seed can be given back. */
export function seeded(seed: number): Seeded {
  const given = process.env['MS_TEST_SEED'];
  const start = (given === undefined ? seed : Number(given)) >>> 0;
  const next = mulberry32(start);
  const int = (below: number): number => Math.floor(next() * below);
  return {
    seed: start,
    next,
    int,
    pick: (items) => items[int(items.length)] as (typeof items)[number],
    bytes: (length) => Uint8Array.from({ length }, () => int(256)),
  };
}
