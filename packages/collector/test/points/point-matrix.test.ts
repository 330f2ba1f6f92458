/** Points put together into a batch are the points that are read from it. */
import { createSeriesSetCache, readBatch } from '@metricstream/proto/read.ts';
import { seeded } from '@metricstream/shared/testing/seeded.ts';
import { expect, test } from 'vitest';
import { createPointMatrix, type MatrixOptions, type PointMatrix } from '../../src/points/point-matrix.ts';

function encode(matrix: PointMatrix<string, number>): Uint8Array {
  return matrix.encode({
    clientId: 'c',
    epoch: 1,
    seq: 1,
    agentVersion: '',
    resource: [],
    seriesOf: (name) => ({ name, unit: '', kind: 'float', labels: [] }),
    unixNanoOf: BigInt,
  });
}

function readPoints(bytes: Uint8Array): Map<string, number> {
  const { seriesSet, timesUnixNano, values } = readBatch(bytes, createSeriesSetCache({ clientsMax: 1 }));
  const points = new Map<string, number>();
  for (const [at, value] of values.entries()) {
    const series = seriesSet.series[Math.floor(at / timesUnixNano.length)];
    if (!Number.isNaN(value)) points.set(`${series?.name} ${timesUnixNano[at % timesUnixNano.length]}`, value);
  }
  return points;
}

test('each point is at its series and time, the later one of two that have both', () => {
  const random = seeded(63);
  const matrix = createPointMatrix<string, number>();
  const expected = new Map<string, number>();
  for (let i = 0; i < 2000; i++) {
    const [row, time] = [`s${random.int(30)}`, 1 + random.int(90)];
    matrix.add(row, time, i);
    expected.set(`${row} ${time}`, i);
  }
  expect(readPoints(encode(matrix)), `seed ${random.seed}`).toEqual(expected);
  expect(matrix.size()).toBe(expected.size);
});

/** @returns how many points came in before one did not fit. */
function filled(options: MatrixOptions, pointAt: (i: number) => readonly [row: string, time: number]): number {
  const matrix = createPointMatrix<string, number>(options);
  for (let i = 0; i < 100_000; i++) {
    const [row, time] = pointAt(i);
    if (!matrix.fits(row, time)) return i;
    matrix.add(row, time, i);
  }
  return Infinity;
}

test('a matrix is bounded in points, in sweeps and in cells', () => {
  expect(filled({ strict: false }, (i) => [`s${i % 100}`, Math.floor(i / 100)])).toBe(10_000);
  expect(filled({ strict: false }, (i) => ['s', i])).toBe(4096);
  expect(filled({ strict: false }, (i) => [`s${i}`, i])).toBe(256);
});

test('a strict one takes no point of the same series and time, and none that would leave most cells empty', () => {
  expect(filled({ strict: true }, (i) => [`s${i % 5}`, 1])).toBe(5);
  expect(filled({ strict: true }, (i) => [`s${i}`, i])).toBe(32);
});
