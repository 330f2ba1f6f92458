/** A point that the walker refuses takes no other with it. */
import { encodeBatch } from '@metricstream/proto/encode.ts';
import { DEFAULT_WIRE_LIMITS } from '@metricstream/proto/limits.ts';
import { createWalker } from '@metricstream/proto/walk.ts';
import { expect, test } from 'vitest';
import { encodeWalked } from '../../src/points/walked.ts';

function encode(names: readonly string[]): Uint8Array {
  return encodeBatch({
    clientId: 'c',
    epoch: 1,
    seq: 1,
    schemaVersion: 1,
    agentVersion: '',
    configHash: 0n,
    pointsSampledTotal: 0,
    droppedTotal: [],
    resource: [],
    series: names.map((name) => ({ name, unit: '', kind: 'float', labels: [] })),
    timesUnixNano: [1n],
    values: new Float64Array(names.length),
  });
}

test('points beside one that is refused become batches, in their order, and a limit halves them', () => {
  const names = Array.from({ length: 100 }, (_, i) => (i === 37 || i === 99 ? `no name ${i}` : `s${i}`));
  const walk = createWalker({ ...DEFAULT_WIRE_LIMITS, seriesMax: 20 });
  const taken: string[] = [];
  const refused: string[] = [];
  encodeWalked(names, encode, walk, {
    batch(_body, points, count) {
      expect(count).toBe(points.length);
      taken.push(...points);
    },
    refused: (point) => refused.push(point),
  });
  expect(refused).toEqual(['no name 37', 'no name 99']);
  expect(taken).toEqual(names.filter((name) => !refused.includes(name)));
});
