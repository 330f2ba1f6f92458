/** The smallest batch there is, for tests that care who sent it and which it is, and not for what it holds. */
import { encodeBatch } from '@metricstream/proto/encode.ts';

/** @param value `seq` unless given; two batches of one seq that differ in it are in conflict. */
export function onePointBatch(seq: number, { clientId = 'c', value = seq } = {}): Uint8Array {
  return encodeBatch({
    clientId,
    epoch: 1024,
    seq,
    schemaVersion: 1,
    agentVersion: 'test',
    configHash: 0n,
    pointsSampledTotal: seq,
    droppedTotal: [],
    resource: [],
    series: [{ name: 'test.value', unit: 'count', kind: 'float', labels: [] }],
    timesUnixNano: [1_764_000_000_000_000_000n],
    values: Float64Array.of(value),
  });
}
