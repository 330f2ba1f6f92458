/** The triples of the collector's own batches are never given twice. */
import { expect, test } from 'vitest';
import { createOwnSeqs } from '../../src/ingest/own-seqs.ts';

test('no two workers, runs or clients share an epoch, however many begin in one millisecond', () => {
  const epochs = new Set<number>();
  for (let worker = 0; worker < 64; worker++) {
    const seqs = createOwnSeqs(worker);
    for (let client = 0; client < 20; client++) epochs.add(seqs(`jsonl:${client}`, 1_764_000_000_000).epoch);
  }
  expect(epochs.size).toBe(64 * 20);
});

test('epochs grow, also over a clock that was set back', () => {
  const seqs = createOwnSeqs(3);
  const first = seqs('jsonl:a', 1_764_000_000_000).epoch;
  expect(seqs('jsonl:b', 1_763_000_000_000).epoch).toBeGreaterThan(first);
});

test('what is known of clients is bounded; one that is forgotten begins anew, one with batches in flight is not forgotten', () => {
  const seqs = createOwnSeqs(0);
  const busy = seqs('jsonl:busy', 1);
  busy.inFlight = 1;
  const idle = seqs('jsonl:idle', 1);
  for (let i = 0; i < 3000; i++) seqs(`jsonl:${i}`, 2);
  expect(seqs('jsonl:busy', 3)).toBe(busy);
  expect(seqs('jsonl:idle', 3).epoch).toBeGreaterThan(idle.epoch);
});
