/** Batches of any shape the schema allows, for property tests. */
import fc from 'fast-check';
import type { Batch, Dropped, Series } from '../src/batch.ts';

const integer = fc.oneof(fc.nat(1000), fc.maxSafeNat());
const time = fc.bigInt(1n, 2n ** 63n - 1n);
const word = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.]{0,20}$/);
/** What `cleanText` would change is left to its own test. */
const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((value) => !/[\p{Cc}\p{Cs}]/u.test(value));
const labelValue = text.filter((value) => value !== '');
const identity = ({ name, labels }: Series): string => JSON.stringify([name, labels]);

const series: fc.Arbitrary<Series> = fc.record({
  name: word,
  unit: fc.oneof(
    fc.constant(''),
    fc.constant('bytes'),
    text.filter((value) => Buffer.byteLength(value) <= 64),
  ),
  kind: fc.constantFrom('float' as const, 'integer' as const),
  labels: fc
    .uniqueArray(fc.tuple(word, labelValue), { selector: ([key]) => key, maxLength: 5 })
    .map((labels) => labels.sort(([a], [b]) => (a < b ? -1 : 1))),
});

const dropped: fc.Arbitrary<Dropped> = fc
  .record({
    epoch: fc.integer({ min: 1 }),
    reason: fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/),
    points: integer,
    firstSeq: integer,
    lastSeq: integer,
    firstTimeUnixNano: time,
    lastTimeUnixNano: time,
  })
  .map((one) => ({
    ...one,
    firstSeq: Math.min(one.firstSeq, one.lastSeq),
    lastSeq: Math.max(one.firstSeq, one.lastSeq),
  }));

const value = fc.oneof(fc.double({ noDefaultInfinity: true }), fc.constant(Number.NaN), fc.integer());

/** Batches that a walker accepts, and that come back from a reader as they were. */
export const batches: fc.Arbitrary<Batch> = fc
  .tuple(
    fc.record({
      clientId: fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/),
      epoch: integer.map((number) => number || 1),
      seq: integer.map((number) => number || 1),
      schemaVersion: fc.nat(),
      agentVersion: text.filter((version) => Buffer.byteLength(version) <= 64),
      configHash: fc.bigInt(0n, 2n ** 64n - 1n),
      pointsSampledTotal: integer,
      droppedTotal: fc.array(dropped, { maxLength: 3 }),
      resource: fc.uniqueArray(fc.tuple(word, text), { selector: ([key]) => key, maxLength: 5 }),
      series: fc.uniqueArray(series, { selector: identity, maxLength: 8 }),
      timesUnixNano: fc.array(time, { minLength: 1, maxLength: 5 }),
    }),
    fc.array(value, { minLength: 40, maxLength: 40 }),
  )
  .map(([batch, values]) => ({
    ...batch,
    values: Float64Array.from(values.slice(0, batch.series.length * batch.timesUnixNano.length)),
  }));
