/**
 * Named counters that one thread writes and any thread reads. Owns their place in shared memory and promises that a
 * writer pays one addition: each table has a single writer, doubles are written whole, and a reader may be a little
 * behind but never sees a torn or shrinking value.
 */

export interface Counters<Name extends string> {
  /** Hand this to another thread and open it there with `openCounters` and the same names. */
  readonly memory: SharedArrayBuffer;
  add(name: Name, by: number): void;
  /** For figures that go up and down. */
  set(name: Name, value: number): void;
  get(name: Name): number;
}

export function createCounters<Name extends string>(names: readonly Name[]): Counters<Name> {
  return openCounters(names, new SharedArrayBuffer(names.length * 8));
}

export function openCounters<Name extends string>(names: readonly Name[], memory: SharedArrayBuffer): Counters<Name> {
  const cells = new Float64Array(memory);
  if (cells.length !== names.length)
    throw new TypeError(`counters: ${names.length} names for memory of ${cells.length} cells`);
  const index = Object.fromEntries(names.map((name, i) => [name, i])) as Record<Name, number>;
  return {
    memory,
    add(name, by) {
      const i = index[name];
      cells[i] = (cells[i] as number) + by;
    },
    set(name, value) {
      cells[index[name]] = value;
    },
    get: (name) => cells[index[name]] as number,
  };
}
