/** A first-in first-out queue whose push and shift cost the same however long it is. Owns one array that it reuses. */

export interface Fifo<T> {
  push(item: T): void;
  shift(): T | undefined;
  size(): number;
}

export function createFifo<T>(): Fifo<T> {
  let slots: (T | undefined)[] = new Array(1024);
  let first = 0;
  let count = 0;
  return {
    push(item) {
      if (count === slots.length) {
        slots = [...slots.slice(first), ...slots.slice(0, first), ...new Array(slots.length)];
        first = 0;
      }
      slots[(first + count++) & (slots.length - 1)] = item;
    },
    shift() {
      if (count === 0) return undefined;
      const item = slots[first];
      slots[first] = undefined;
      first = (first + 1) & (slots.length - 1);
      count--;
      return item;
    },
    size: () => count,
  };
}
