/** The encoder: its bytes, what protobufjs and our reader see in them, and the cleaning of texts. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cleanText, encodeBatch } from '../src/encode.ts';
import { metricstream } from '../src/gen/metricstream.js';
import { DEFAULT_WIRE_LIMITS } from '../src/limits.ts';
import { createSeriesSetCache, readBatch } from '../src/read.ts';
import { createWalker } from '../src/walk.ts';
import { batches } from './arbitraries.ts';
import { oracle, smallBatch } from './helpers.ts';

const seed = 20261123;
const walk = createWalker(DEFAULT_WIRE_LIMITS);

const golden =
  '0a057765622d31110502b04111830600182a20012a05302e312e3031157c4a7fb979379e38fc01422e090100b04111830600120a73706f6f' +
  '6c5f66756c6c18ac0220072809310000f323845bd7183900c80acc885bd71852005204686f737452057765622d31520a6461746163656e74' +
  '657252046672613152106d656d2e757365645f70657263656e74520770657263656e7452086d656d2e757365645205627974657352096469' +
  '736b2e66726565520664657669636552047364613152047061746852082f6772c3b6c39f655a040102030462100506000007080100090801' +
  '020a0b0c0d6a1000ac16208b5bd718009022748d5bd71872300000000000e052400000000000d052400000000000000042000000000000f8' +
  '7f000000a2941a6d42000000a0941a6d42';

it('has these bytes', () => {
  expect(Buffer.from(encodeBatch(smallBatch())).toString('hex')).toBe(golden);
});

it('writes each text once, and references to it', () => {
  const batch = metricstream.Batch.decode(encodeBatch(smallBatch()));
  expect(batch.symbols).toEqual(
    ['', 'host', 'web-1', 'datacenter', 'fra1', 'mem.used_percent', 'percent', 'mem.used', 'bytes', 'disk.free'].concat(
      ['device', 'sda1', 'path', '/größe'],
    ),
  );
  expect(batch.resource).toEqual([1, 2, 3, 4]);
  expect(batch.series).toEqual(
    [
      [5, 6, 0, 0],
      [7, 8, 1, 0],
      [9, 8, 1, 2, 10, 11, 12, 13],
    ].flat(),
  );
  expect(batch.values).toEqual([75.5, 75.25, 2 ** 33, Number.NaN, 1e12, 1e12 - 4096]);
});

it('any batch is accepted, and comes back as it was', () => {
  const cache = createSeriesSetCache({ clientsMax: 10 });
  fc.assert(
    fc.property(batches, (batch) => {
      const bytes = encodeBatch(batch);
      const { ok, status, reason, offset: _offset, clientIdAt: _at, clientIdLength: _length, ...seen } = walk(bytes);
      expect({ ok, status, reason }).toEqual({ ok: true, status: 0, reason: '' });
      expect({ ...seen, clientId: batch.clientId }).toEqual(oracle(bytes));
      const { seriesSet, timesUnixNano, ...rest } = readBatch(bytes, cache);
      expect({ ...rest, ...seriesSet, timesUnixNano: [...timesUnixNano] }).toEqual(batch);
    }),
    { seed, numRuns: 400 },
  );
});

it('refuses a matrix that does not fit its series and sweeps', () => {
  expect(() => encodeBatch(smallBatch({ values: new Float64Array(5) }))).toThrow(
    'batch 42: 5 values for 3 series × 2 sweeps',
  );
  expect(() => encodeBatch(smallBatch({ timesUnixNano: [], values: new Float64Array(0) }))).toThrow(
    /at least one sweep/,
  );
});

it('cleans what a host may put into labels, so that the batch stays acceptable', () => {
  const [first] = smallBatch().series;
  const labels = [
    ['a', 'tab\tand \u0085 and \ud800'],
    ['b', ''],
    ['c', 'x'.repeat(5000)],
  ] as const;
  const bytes = encodeBatch(smallBatch({ series: [{ ...first!, labels }], values: Float64Array.of(1, 2) }));
  expect(walk(bytes)).toMatchObject({ ok: true, points: 2 });
  expect(readBatch(bytes, createSeriesSetCache({ clientsMax: 1 })).seriesSet.series[0]?.labels).toEqual([
    ['a', 'tab\ufffdand \ufffd and \ufffd'],
    ['c', 'x'.repeat(1024)],
  ]);
});

it('cuts a text between characters, never within one', () => {
  const check = (text: string, bytesMax: number, expected: string): void =>
    expect(cleanText(text, bytesMax)).toBe(expected);
  check('größe', 7, 'größe');
  check('größe', 5, 'grö');
  check('größe', 4, 'grö');
  check('größe', 3, 'gr');
  check('a𝄞b', 5, 'a𝄞');
  check('a𝄞b', 4, 'a');
  check('', 4, '');
});
