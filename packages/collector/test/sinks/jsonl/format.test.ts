/** Lines against what JSON.parse makes of them: any text, any number, any hole in the matrix. */
import type { Series } from '@metricstream/proto/batch.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LineBatch } from '../../../src/sinks/jsonl/format.ts';
import { createLineFormatter } from '../../../src/sinks/jsonl/format.ts';
import { createTimeFormatter } from '../../../src/sinks/jsonl/time.ts';
import { bufferBytesInUse } from './helpers.ts';

type Pairs = [key: string, value: string][];

function lineBatch(overrides: Partial<LineBatch> & { resource?: Pairs; series?: Series[] } = {}): LineBatch {
  const series = overrides.series ?? [{ name: 'mem.used_percent', unit: 'percent', kind: 'float', labels: [] }];
  return {
    clientId: 'web-1',
    epoch: 1,
    seq: 2,
    seriesSet: { resource: overrides.resource ?? [], series },
    timesUnixNano: BigUint64Array.of(1_759_579_200_123_000_000n),
    values: Float64Array.of(75.5),
    ...overrides,
  };
}

const formatTime = createTimeFormatter();

/** The lines of a batch through a buffer that holds `bufferBytes`, or whatever the longest line needs. */
function textOf(batch: LineBatch, formatter = createLineFormatter(), bufferBytes = 1024 * 1024): string {
  let buffer = Buffer.alloc(bufferBytes);
  const parts: Buffer[] = [];
  formatter.begin(batch);
  while (true) {
    const end = formatter.fill(buffer, 0);
    parts.push(Buffer.from(buffer.subarray(0, end)));
    if (formatter.done()) return Buffer.concat(parts).toString();
    if (end === 0) buffer = Buffer.alloc(buffer.length * 2);
  }
}

/** The same, the slow way. */
function expectedLines(batch: LineBatch): object[] {
  const { series, resource } = batch.seriesSet;
  const sweeps = batch.timesUnixNano.length;
  const { host, datacenter, ...tags } = Object.fromEntries(resource);
  const lines: object[] = [];
  for (const [sweep, time] of batch.timesUnixNano.entries()) {
    for (const [at, one] of series.entries()) {
      const value = batch.values[at * sweeps + sweep] as number;
      if (!Number.isFinite(value)) continue;
      const labels = Object.fromEntries(one.labels);
      lines.push({
        timestamp: formatTime(time),
        name: one.name,
        value: value + 0,
        unit: one.unit,
        client_id: batch.clientId,
        ...(host === undefined ? {} : { host }),
        ...(datacenter === undefined ? {} : { datacenter }),
        ...(one.labels.length > 0 ? { labels } : {}),
        ...(Object.keys(tags).length > 0 ? { tags } : {}),
        epoch: batch.epoch,
        seq: batch.seq,
      });
    }
  }
  return lines;
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('', '\ud800', '\u2028"\\\n\0', 'ü', '__proto__'),
);
const anyPairs = fc.uniqueArray(fc.tuple(anyText, anyText), { selector: ([key]) => key, maxLength: 4 });
const anyValue = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(Number.NaN, -0, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** 53, 1e21, 1e-7, 0.1 + 0.2),
);
const anySeries: fc.Arbitrary<Series[]> = fc.array(
  fc.record({ name: anyText, unit: anyText, kind: fc.constant('float' as const), labels: anyPairs }),
  { maxLength: 6 },
);
const anyBatch: fc.Arbitrary<LineBatch> = fc
  .tuple(anySeries, fc.integer({ min: 1, max: 4 }), anyPairs, fc.boolean(), anyText)
  .chain(([series, sweeps, resource, hosted, clientId]) =>
    fc.record({
      clientId: fc.constant(clientId),
      epoch: fc.maxSafeNat(),
      seq: fc.maxSafeNat(),
      seriesSet: fc.constant({ resource: hosted ? [...resource, ['host', 'web-1'] as const] : resource, series }),
      timesUnixNano: fc.bigUint64Array({ minLength: sweeps, maxLength: sweeps }),
      values: fc
        .array(anyValue, { minLength: series.length * sweeps, maxLength: series.length * sweeps })
        .map((values) => Float64Array.from(values)),
    }),
  );

describe('a line', () => {
  it('has the fields of the first decision record first, then what names its client', () => {
    const batch = lineBatch({
      resource: [
        ['host', 'web-1'],
        ['team', 'db'],
        ['datacenter', 'fra'],
      ],
      series: [{ name: 'disk.used_percent', unit: 'percent', kind: 'float', labels: [['path', '/']] }],
    });
    expect(textOf(batch)).toBe(
      '{"timestamp":"2025-10-04T12:00:00.123Z","name":"disk.used_percent","value":75.5,"unit":"percent","client_id":"web-1",' +
        '"host":"web-1","datacenter":"fra","labels":{"path":"/"},"tags":{"team":"db"},"epoch":1,"seq":2}\n',
    );
  });

  it('leaves out host, datacenter, labels and tags that the client did not send', () => {
    expect(textOf(lineBatch())).toBe(
      '{"timestamp":"2025-10-04T12:00:00.123Z","name":"mem.used_percent","value":75.5,"unit":"percent","client_id":"web-1","epoch":1,"seq":2}\n',
    );
  });

  it('keeps labels in the order they came in, also those that look like numbers', () => {
    const labels: Pairs = [
      ['b', 'x'],
      ['1', 'y'],
    ];
    const text = textOf(lineBatch({ series: [{ name: 'a', unit: '', kind: 'float', labels }] }));
    expect(text).toContain('"labels":{"b":"x","1":"y"}');
  });

  it('reads back as the point it was, for any text and any number', () => {
    fc.assert(
      fc.property(anyBatch, fc.integer({ min: 1, max: 3000 }), (batch, bufferBytes) => {
        const text = textOf(batch, createLineFormatter(), bufferBytes);
        const lines = text.split('\n');
        expect(lines.pop()).toBe('');
        expect(lines.map((line) => JSON.parse(line) as object)).toEqual(expectedLines(batch));
      }),
      { seed: 20251004, numRuns: 400 },
    );
  });

  it('is the same from the cache as from scratch, for whichever client comes with the series', () => {
    const formatter = createLineFormatter();
    const first = lineBatch();
    const second = lineBatch({ clientId: 'web-2', seriesSet: first.seriesSet, seq: 3 });
    for (const batch of [first, second, first, second])
      expect(textOf(batch, formatter)).toBe(textOf(batch, createLineFormatter()));
  });
});

describe('values without JSON', () => {
  it('are no lines: NaN is no point, infinity is counted', () => {
    const formatter = createLineFormatter();
    const batch = lineBatch({
      timesUnixNano: BigUint64Array.of(0n, 1_000_000n, 2_000_000n, 3_000_000n),
      values: Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, 1, Number.NEGATIVE_INFINITY),
    });
    expect(textOf(batch, formatter)).toMatch(/^\{"timestamp":"1970-01-01T00:00:00.002Z"[^\n]*\n$/);
    expect(formatter.pointsNotFinite).toBe(2);
  });

  it('make no text at all when there is nothing else', () => {
    expect(textOf(lineBatch({ values: Float64Array.of(Number.NaN) }))).toBe('');
  });
});

describe('a buffer', () => {
  it('takes whole lines only, as many as fit, however large the batch is', () => {
    const sweeps = 5000;
    const batch = lineBatch({
      timesUnixNano: BigUint64Array.from({ length: sweeps }, (_, at) => BigInt(at) * 1_000_000n),
      values: Float64Array.from({ length: sweeps }, (_, at) => (at % 7 === 0 ? Number.NaN : at)),
    });
    const formatter = createLineFormatter();
    const buffer = Buffer.alloc(1000);
    let lines = 0;
    formatter.begin(batch);
    while (!formatter.done()) {
      const text = buffer.toString('utf8', 0, formatter.fill(buffer, 0));
      expect(text.endsWith('}\n')).toBe(true);
      expect(formatter.done() || text.length > 600).toBe(true);
      for (const line of text.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('value');
      lines += text.split('\n').length - 1;
    }
    expect(lines).toBe(sweeps - Math.ceil(sweeps / 7));
    expect(formatter.points).toBe(lines);
  });

  it('too small for one line is left as it is', () => {
    const formatter = createLineFormatter();
    formatter.begin(lineBatch());
    expect(formatter.fill(Buffer.alloc(100), 40)).toBe(40);
    expect(formatter.done()).toBe(false);
  });
});

describe('a batch that names the same long label again and again', () => {
  it('is written line by line, and costs no memory to keep', () => {
    const labels: Pairs = Array.from({ length: 32 }, (_, at) => [`key${at}`, 'x'.repeat(1024)]);
    const series: Series[] = Array.from({ length: 1000 }, () => ({ name: 'a', unit: '', kind: 'float', labels }));
    const batch = lineBatch({ series, values: new Float64Array(1000).fill(7) });
    const formatter = createLineFormatter();
    const buffer = Buffer.alloc(64 * 1024);
    const before = bufferBytesInUse();
    let bytes = 0;
    formatter.begin(batch);
    while (!formatter.done()) {
      const end = formatter.fill(buffer, 0);
      expect(JSON.parse(buffer.toString('utf8', 0, end))).toMatchObject({
        value: 7,
        labels: Object.fromEntries(labels),
      });
      bytes += end;
    }
    expect(bytes).toBeGreaterThan(32e6);
    // The bytes kept are bounded by 8 MiB a client.
    expect(bufferBytesInUse() - before).toBeLessThan(16e6);
  });
});

describe('a time', () => {
  it.each([
    [0n, '1970-01-01T00:00:00.000Z'],
    [1_759_579_200_123_000_000n, '2025-10-04T12:00:00.123Z'],
    [1_759_579_200_000_000_001n, '2025-10-04T12:00:00.000000001Z'],
    [1_759_579_200_123_400_000n, '2025-10-04T12:00:00.123400000Z'],
    [2n ** 64n - 1n, '2554-07-21T23:34:33.709551615Z'],
  ])('of %s ns is %s: milliseconds, or all nine digits when they say more', (unixNano, text) => {
    expect(formatTime(unixNano)).toBe(text);
  });
});
