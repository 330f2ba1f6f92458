/** The ledger against a model that forgets nothing: same verdict for every offer, whatever order batches arrive in. */
import { expect, test } from 'vitest';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { RANGES_MAX } from '../../src/ledger/epoch-state.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createLedger } from '../../src/ledger/ledger.ts';

const crcOf = (seq: number): number => (seq * 2654435761) >>> 0;

function take(ledger: Ledger, seq: number, oldestSeq = 0, clientId = 'c', epoch = 1): string {
  const offer = ledger.offer(clientId, epoch, seq, oldestSeq, crcOf(seq));
  ledger.confirm();
  return offer;
}

test('a triple is new once, pending inside its group, and known only after confirm', () => {
  const ledger = createLedger();
  expect(ledger.offer('c', 1, 1, 0, 11)).toBe('new');
  expect(ledger.offer('c', 1, 1, 0, 11)).toBe('pending');
  expect(ledger.offer('c', 1, 1, 0, 12)).toBe('rival');
  ledger.forget();
  expect(ledger.offer('c', 1, 1, 0, 12), 'a failed group was never seen').toBe('new');
  ledger.confirm();
  expect(ledger.offer('c', 1, 1, 0, 12)).toBe('known');
  expect(ledger.offer('c', 1, 1, 0, 11)).toBe('conflict');
  expect(ledger.offer('d', 1, 1, 0, 11), 'another client').toBe('new');
  expect(ledger.offer('c', 2, 1, 0, 11), 'another epoch').toBe('new');
});

test('random orders, repeats, failed groups, settling and restarts give the verdicts of a model', () => {
  const random = seeded(77);
  for (let round = 0; round < 60; round++) {
    let ledger = createLedger();
    const known = new Set<number>();
    let oldest = 1;
    for (let step = 0; step < 200; step++) {
      const seq = oldest + random.int(40);
      const settles = random.int(5) === 0;
      if (settles) oldest += random.int(4);
      const oldestSeq = settles && oldest <= seq ? oldest : 0;
      const isKnown = known.has(seq);
      const offer = ledger.offer('c', 1, seq, oldestSeq, crcOf(seq));
      expect(offer, `seed ${random.seed}, round ${round}, step ${step}`).toBe(isKnown ? 'known' : 'new');
      if (offer === 'new' && random.int(6) === 0) {
        ledger.forget();
        continue;
      }
      ledger.confirm();
      known.add(seq);
      if (offer === 'new' && oldestSeq > 0) for (let below = 1; below < oldestSeq; below++) known.add(below);
      if (random.int(20) === 0) {
        const copy = createLedger();
        copy.restore(ledger.snapshot());
        ledger = copy;
      }
      let contiguous = 0;
      while (known.has(contiguous + 1)) contiguous++;
      expect(ledger.contiguousSeq('c', 1)).toBe(contiguous);
    }
  }
});

test('what the client no longer holds is settled: gaps below it close', () => {
  const ledger = createLedger();
  for (const seq of [1, 2, 5, 9]) take(ledger, seq);
  expect(ledger.contiguousSeq('c', 1)).toBe(2);
  take(ledger, 12, 9);
  expect(ledger.contiguousSeq('c', 1)).toBe(9);
  expect(take(ledger, 7), 'dropped by the agent, come late').toBe('known');
  take(ledger, 10);
  take(ledger, 11);
  expect(ledger.contiguousSeq('c', 1)).toBe(12);
});

test('an epoch with as many gaps as there may be takes only what makes no new one', () => {
  const ledger = createLedger();
  for (let i = 1; i <= RANGES_MAX; i++) take(ledger, i * 2);
  expect(ledger.offer('c', 1, 1_000_001, 0, 1)).toBe('gaps');
  expect(take(ledger, 3)).toBe('new');
  expect(ledger.offer('c', 1, 1_000_001, 1_000_001, 1), 'unless it settles the rest').toBe('new');
});

test('a group cannot bring more gaps than there may be', () => {
  const ledger = createLedger();
  const offers = Array.from({ length: RANGES_MAX + 50 }, (_, i) => ledger.offer('c', 1, (i + 1) * 2, 0, 1));
  expect(offers.filter((offer) => offer === 'gaps')).toHaveLength(50);
  expect(ledger.offer('c', 1, 3, 0, 1), 'beside one of the group').toBe('new');
});

test('the same triple with other bytes in one group shares the fate of the first: it is a conflict only once that is known', () => {
  const ledger = createLedger();
  expect(ledger.offer('c', 1, 1, 0, 11)).toBe('new');
  expect(ledger.offer('c', 1, 1, 0, 12)).toBe('rival');
  ledger.confirm();
  expect(ledger.offer('c', 1, 1, 0, 12)).toBe('conflict');
});

test('the longest unused clients go when there is no more room, gaps or not, and nobody is refused', () => {
  const ledger = createLedger({ snapshotBytesMax: 6000, epochsPerClientMax: 2 });
  for (let i = 0; i < 100; i++) {
    expect(take(ledger, 2, 0, `gap-${i}`)).toBe('new');
    expect(take(ledger, i + 1, 0, 'busy')).toBe('new');
  }
  expect(ledger.clients()).toBeGreaterThan(5);
  expect(ledger.clients()).toBeLessThan(25);
  expect(take(ledger, 100, 0, 'busy'), 'used all the time').toBe('known');
  expect(take(ledger, 2, 0, 'gap-99')).toBe('known');
  expect(take(ledger, 2, 0, 'gap-0'), 'forgotten').toBe('new');
});

test('the snapshot stays within its bound whatever clients do, failed groups included', () => {
  const random = seeded(5);
  const snapshotBytesMax = 50_000;
  const ledger = createLedger({ snapshotBytesMax, epochsPerClientMax: 16 });
  for (let group = 0; group < 300; group++) {
    for (let i = 0; i < 40; i++) {
      const seq = random.int(2) === 0 ? 1 + random.int(50) : 2 ** 52 + random.int(2 ** 20);
      const oldestSeq = random.int(10) === 0 ? seq : 0;
      ledger.offer(
        `client-${'x'.repeat(random.int(100))}${random.int(200)}`,
        2 ** 52 + random.int(40),
        seq,
        oldestSeq,
        i,
      );
    }
    if (random.int(5) === 0) ledger.forget();
    else ledger.confirm();
    const { length } = ledger.snapshot();
    if (length > snapshotBytesMax)
      throw new Error(`seed ${random.seed}, group ${group}: a snapshot of ${length} bytes`);
  }
  expect(ledger.clients()).toBeGreaterThan(1);
});

test('a snapshot holds what is known, and nothing of the running group', () => {
  const ledger = createLedger();
  take(ledger, 1);
  ledger.offer('c', 1, 2, 0, 2);
  ledger.offer('d', 1, 1, 0, 1);
  const copy = createLedger();
  copy.restore(ledger.snapshot());
  expect(copy.clients()).toBe(1);
  expect(copy.contiguousSeq('c', 1)).toBe(1);
});

test('a client keeps its latest epochs, least recently used first to go', () => {
  const ledger = createLedger({ snapshotBytesMax: 1 << 20, epochsPerClientMax: 2 });
  take(ledger, 1, 0, 'c', 1);
  take(ledger, 1, 0, 'c', 2);
  take(ledger, 2, 0, 'c', 1);
  take(ledger, 1, 0, 'c', 3);
  expect(take(ledger, 2, 0, 'c', 1)).toBe('known');
  expect(take(ledger, 1, 0, 'c', 2), 'forgotten').toBe('new');
});

test('epochs of one group beyond the bound go with the next one', () => {
  const ledger = createLedger({ snapshotBytesMax: 1 << 20, epochsPerClientMax: 2 });
  for (let epoch = 1; epoch <= 10; epoch++) expect(ledger.offer('c', epoch, 1, 0, 1)).toBe('new');
  ledger.confirm();
  take(ledger, 1, 0, 'c', 11);
  expect(ledger.contiguousSeq('c', 9)).toBe(0);
  expect(ledger.contiguousSeq('c', 10)).toBe(1);
});

test('a snapshot that is none is refused', () => {
  expect(() => createLedger().restore(Buffer.from('{"clients": [['))).toThrow(SyntaxError);
});
