import { describe, expect, it } from 'vitest';
import type { ConsumedBatch } from '../../../src/sources/kafka/consumer.ts';
import { createHeld, type Held } from '../../../src/sources/kafka/kafkajs-held.ts';

function heldOf(bytesMax = 1000, partitions = [0, 1, 2]): { held: Held; paused: Set<number> } {
  const paused = new Set<number>();
  const held = createHeld({
    bytesMax,
    pause: (partition) => void paused.add(partition),
    resume: (partition) => void paused.delete(partition),
  });
  held.assign(partitions);
  return { held, paused };
}

/** Ten messages of a partition from an offset on. */
function arrive(held: Held, partition: number, from: number, { bytes = 10, fetchedOffset = from } = {}) {
  const messages = Array.from({ length: 10 }, (_, index) => ({
    offset: from + index,
    timestampMs: 0,
    key: undefined,
    value: undefined,
    headers: {},
  }));
  const batch = { topic: 't', partition, messages, nextOffset: from + 10, bytes, generation: held.generation };
  return held.arrive(batch, { fetchedOffset, end: 100 });
}

function commit(held: Held, batch: ConsumedBatch | undefined): void {
  if (batch === undefined) throw new Error('there was no batch');
  held.commit(batch, batch.nextOffset);
}

describe('what a consumer holds', () => {
  it('is given out by turns, in order within a partition', () => {
    const { held } = heldOf();
    for (const [partition, from] of [
      [2, 0],
      [2, 10],
      [0, 0],
      [1, 0],
      [0, 10],
    ] as const)
      arrive(held, partition, from);
    const taken = Array.from({ length: 6 }, () => held.take());
    expect(taken.map((one) => one && [one.partition, one.messages[0]?.offset])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [0, 10],
      [2, 10],
      undefined,
    ]);
  });

  it('pauses a partition of which two batches wait, and only that', () => {
    const { held, paused } = heldOf();
    arrive(held, 1, 0);
    expect([...paused]).toEqual([]);
    arrive(held, 1, 10);
    expect([...paused]).toEqual([1]);
    held.take();
    expect([...paused]).toEqual([]);
  });

  it('pauses all when the bytes reach the bound, taken ones included, until enough is committed', () => {
    const { held, paused } = heldOf(100);
    arrive(held, 0, 0, { bytes: 60 });
    const first = held.take();
    arrive(held, 1, 0, { bytes: 60 });
    const second = held.take();
    expect([...paused]).toEqual([0, 1, 2]);
    expect(held.bytes).toBe(120);
    commit(held, first);
    expect([...paused]).toEqual([]);
    commit(held, second);
    expect(held.bytes).toBe(0);
  });

  it('forgets everything when the partitions are lost, and resumes those that come back', () => {
    const { held, paused } = heldOf(10);
    arrive(held, 0, 0);
    const old = held.take() as ConsumedBatch;
    expect(held.owns(old)).toBe(true);
    expect([...paused]).toEqual([0, 1, 2]);
    expect(held.revoke()).toEqual([0, 1, 2]);
    expect(held.owns(old)).toBe(false);
    expect(arrive(held, 0, 10)).toEqual({ taken: false });
    held.assign([0]);
    expect(held.owns(old)).toBe(false);
    expect(paused.has(0)).toBe(false);
    expect(held.bytes).toBe(0);
  });

  it('tells what is gone before it was read', () => {
    const { held } = heldOf();
    expect(arrive(held, 0, 50)).toEqual({ taken: true, missed: 0, rewound: false });
    expect(arrive(held, 0, 67, { fetchedOffset: 60 })).toEqual({ taken: true, missed: 7, rewound: false });
  });

  it('throws a late answer away once, and believes it when it comes again: the topic was made anew', () => {
    const { held } = heldOf();
    arrive(held, 0, 500);
    expect(arrive(held, 0, 490)).toEqual({ taken: false });
    expect(arrive(held, 0, 510)).toMatchObject({ taken: true });
    expect(arrive(held, 0, 0)).toEqual({ taken: false });
    expect(arrive(held, 0, 0)).toEqual({ taken: true, missed: 0, rewound: true });
    expect(arrive(held, 0, 10)).toEqual({ taken: true, missed: 0, rewound: false });
  });

  it('tells the progress of each partition', () => {
    const { held } = heldOf(1000, [0, 1]);
    arrive(held, 0, 50);
    commit(held, held.take());
    expect(held.progress()).toEqual([
      { partition: 0, committed: 60, end: 100, lag: 40 },
      { partition: 1, committed: undefined, end: 0, lag: 0 },
    ]);
  });

  it('is not added to while a partition rests, and what else would pause it still does afterwards', () => {
    const { held, paused } = heldOf(25);
    held.rest(1, true);
    expect([...paused]).toEqual([1]);
    arrive(held, 0, 0, { bytes: 30 });
    held.rest(1, false);
    expect(paused).toEqual(new Set([0, 1, 2]));
    commit(held, held.take());
    expect([...paused]).toEqual([]);
    held.rest(9, true);
    expect([...paused]).toEqual([]);
  });
});
