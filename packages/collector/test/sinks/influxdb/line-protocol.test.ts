/** Lines of each schema, byte for byte; and any batch, read back by a parser that knows nothing of the product. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FieldValue, parseLines } from '../../../../../test/services/index.ts';
import { batches } from '../../../../proto/test/arbitraries.ts';
import { BODY_BYTES_MAX, BODY_LINES_MAX, clearBody, createBody } from '../../../src/sinks/influxdb/body.ts';
import { SEED_MEASUREMENT, seriesTags, resourceTags, telegrafField } from '../../../src/sinks/influxdb/identity.ts';
import { createLineWriter, type LineBatch, linesOf, UNWRITABLE } from '../../../src/sinks/influxdb/line-protocol.ts';
import type { Schema } from '../../../src/sinks/influxdb/settings.ts';
import { lineBatch, seriesOf } from './helpers.ts';

const TIME = 1_759_579_200_000_000_001n;

/** Lines as a writer with so small bodies gives them, and what it says it cannot write. */
function written(batch: LineBatch, schema: Schema, bodyBytes = BODY_BYTES_MAX) {
  const unwritable: string[] = [];
  const writer = createLineWriter(schema, (_record, series, sweep, why) =>
    unwritable.push(`${series} ${sweep} ${why}`),
  );
  const body = createBody(bodyBytes);
  const bodies: string[] = [];
  writer.begin(batch);
  for (let done = false; !done; ) {
    clearBody(body);
    done = writer.fill(body);
    bodies.push(body.bytes.toString('utf8', 0, body.length));
  }
  return { text: bodies.join(''), bodies, unwritable };
}

const hostLines = lineBatch({
  resource: [
    ['host', 'web-1'],
    ['datacenter', 'fra'],
  ],
  series: [
    seriesOf('mem.used', { kind: 'integer', unit: 'bytes' }),
    seriesOf('cpu.usage_user', { unit: 'percent', labels: [['cpu', 'cpu0']] }),
    seriesOf('mem.used_percent', { unit: 'percent' }),
  ],
  values: Float64Array.from([25_276_510_208, 6.436, 75.5]),
});

describe('a batch', () => {
  it('of the schema seed is a line per point', () => {
    expect(linesOf(hostLines, 'seed')).toBe(
      [
        `server_metrics,datacenter=fra,host=web-1,metric_name=mem.used value=25276510208,unit="bytes" ${TIME}\n`,
        `server_metrics,cpu=cpu0,datacenter=fra,host=web-1,metric_name=cpu.usage_user value=6.436,unit="percent" ${TIME}\n`,
        `server_metrics,datacenter=fra,host=web-1,metric_name=mem.used_percent value=75.5,unit="percent" ${TIME}\n`,
      ].join(''),
    );
  });

  it('of the schema telegraf is a line per measurement and labels, integers with an i', () => {
    expect(linesOf(hostLines, 'telegraf')).toBe(
      [
        `mem,datacenter=fra,host=web-1 used=25276510208i,used_percent=75.5 ${TIME}\n`,
        `cpu,cpu=cpu0,datacenter=fra,host=web-1 usage_user=6.436 ${TIME}\n`,
      ].join(''),
    );
  });

  it('of both is both', () => {
    expect(linesOf(hostLines, 'both')).toBe(linesOf(hostLines, 'seed') + linesOf(hostLines, 'telegraf'));
  });

  it('lacks what is NaN, and a line whose every value is', () => {
    const batch = { ...hostLines, values: Float64Array.from([Number.NaN, Number.NaN, 75.5]) };
    expect(linesOf(batch, 'telegraf')).toBe(`mem,datacenter=fra,host=web-1 used_percent=75.5 ${TIME}\n`);
    expect(linesOf({ ...hostLines, values: new Float64Array(3).fill(Number.NaN) }, 'both')).toBe('');
  });

  it('goes sweep by sweep', () => {
    const two = lineBatch({ timesUnixNano: BigUint64Array.from([1n, TIME]), values: Float64Array.from([1, 2]) });
    expect(linesOf(two, 'telegraf')).toBe(`cpu,host=web-1 usage_user=1 1\ncpu,host=web-1 usage_user=2 ${TIME}\n`);
  });

  it('has no unit where the series has none', () => {
    const batch = lineBatch({ series: [seriesOf('a.b', { unit: '' })] });
    expect(linesOf(batch, 'seed')).toBe(`server_metrics,host=web-1,metric_name=a.b value=1 ${TIME}\n`);
  });
});

describe('a number', () => {
  const check = (value: number, kind: 'float' | 'integer', expected: string) =>
    expect(
      linesOf(lineBatch({ series: [seriesOf('m.f', { kind })], values: Float64Array.from([value]) }), 'telegraf'),
    ).toBe(`m,host=web-1 f=${expected} ${TIME}\n`);

  it.each([
    [5, '5'],
    [-0, '0'],
    [0.1, '0.1'],
    [1e21, '1e+21'],
    [5e-324, '5e-324'],
    [-1.797_693_134_862_315_7e308, '-1.7976931348623157e+308'],
  ])('%d is the float %s', (value, expected) => check(value, 'float', expected));

  it.each([
    [0, '0i'],
    [-7, '-7i'],
    [2 ** 53 - 1, '9007199254740991i'],
    [2 ** 60 + 2 ** 9, '1152921504606847488i'],
    [2 ** 63 - 1024, '9223372036854774784i'],
    [-(2 ** 63), '-9223372036854775808i'],
  ])('%d is the integer %s, all digits of the double', (value, expected) => check(value, 'integer', expected));
});

describe('what has no form', () => {
  const check = (batch: LineBatch, schema: Schema, lines: string, why: string[]) => {
    const { text, unwritable } = written(batch, schema);
    expect(text).toBe(lines);
    expect(unwritable).toEqual(why);
  };
  const of = (value: number, kind: 'float' | 'integer' = 'integer') =>
    lineBatch({ series: [seriesOf('m.f', { kind, unit: '' })], values: Float64Array.from([value]) });

  it('is told and not written: infinity, and integers that are none or too large', () => {
    check(of(Infinity, 'float'), 'seed', '', [`0 0 ${UNWRITABLE.infinite}`]);
    check(of(-Infinity), 'telegraf', '', [`0 0 ${UNWRITABLE.infinite}`]);
    check(of(1.5), 'telegraf', '', [`0 0 ${UNWRITABLE.fraction}`]);
    check(of(2 ** 63), 'telegraf', '', [`0 0 ${UNWRITABLE.range}`]);
    check(of(-(2 ** 63) - 2048), 'telegraf', '', [`0 0 ${UNWRITABLE.range}`]);
  });

  it('is no matter to the schema seed, whose values are floats', () => {
    check(of(1.5), 'seed', `server_metrics,host=web-1,metric_name=m.f value=1.5 ${TIME}\n`, []);
  });

  it('is a time beyond 2^63 - 2', () => {
    const last = 2n ** 63n - 2n;
    const batch = lineBatch({
      timesUnixNano: BigUint64Array.from([last, last + 1n]),
      values: Float64Array.from([1, 2]),
    });
    check(batch, 'telegraf', `cpu,host=web-1 usage_user=1 ${last}\n`, [`0 1 ${UNWRITABLE.time}`]);
  });
});

describe('bodies', () => {
  const many = (series: number) =>
    lineBatch({
      series: Array.from({ length: series }, (_, at) => seriesOf(`m.f${at}`)),
      values: Float64Array.from({ length: series }, (_, at) => at),
    });

  it('end at their bounds, between lines, and together hold every line once', () => {
    const { bodies, text } = written(many(12_000), 'seed');
    expect(bodies.length).toBe(3);
    expect(Math.max(...bodies.map((one) => one.split('\n').length - 1))).toBe(BODY_LINES_MAX);
    expect(text).toBe(linesOf(many(12_000), 'seed'));
    const small = written(many(300), 'seed', 2000);
    expect(small.bodies.every((one) => one.length <= 2000 && one.endsWith('\n'))).toBe(true);
    expect(small.text).toBe(linesOf(many(300), 'seed'));
  });

  it('take a line that is longer than they are, alone', () => {
    const { bodies } = written(many(100), 'telegraf', 64);
    expect(bodies.filter((one) => one !== '').length).toBe(1);
  });

  it('have a point of many fields in several lines', () => {
    const lines = linesOf(many(600), 'telegraf').trimEnd().split('\n');
    expect(lines.length).toBe(3);
    expect(new Set(lines.flatMap((line) => line.match(/f\d+=/g) ?? [])).size).toBe(600);
  });
});

it('a set too large to keep is written all the same', () => {
  const long = 'x'.repeat(1000);
  const series = Array.from({ length: 9000 }, (_, at) =>
    seriesOf('m.f', {
      labels: [
        ['at', String(at)],
        ['long', long],
      ],
    }),
  );
  const batch = lineBatch({ series, values: Float64Array.from(series, (_, at) => at) });
  const lines = linesOf(batch, 'both').trimEnd().split('\n');
  expect(lines.length).toBe(18_000);
  expect(lines[8999]).toBe(
    `server_metrics,at=8999,host=web-1,long=${long},metric_name=m.f value=8999,unit="count" ${TIME}`,
  );
  expect(lines[17_999]).toBe(`m,at=8999,host=web-1,long=${long} f=8999 ${TIME}`);
});

/** Points by identity, as text, from what the batch says. */
function expectedPoints(batch: LineBatch, schema: Schema): string[] {
  const { seriesSet, timesUnixNano, values, clientId } = batch;
  const shared = resourceTags(clientId, seriesSet.resource);
  const points: string[] = [];
  for (const [at, { name, unit, kind, labels }] of seriesSet.series.entries()) {
    for (const [sweep, time] of timesUnixNano.entries()) {
      const value = values[at * timesUnixNano.length + sweep]!;
      if (!Number.isFinite(value)) continue;
      const add = (measurement: string, field: string, shown: string, metricName?: string) =>
        points.push(JSON.stringify([measurement, seriesTags(shared, labels, metricName), field, shown, String(time)]));
      if (schema !== 'telegraf') {
        add(SEED_MEASUREMENT, 'value', `float ${value}`, name);
        if (unit !== '') add(SEED_MEASUREMENT, 'unit', `string ${unit}`, name);
      }
      if (schema === 'seed') continue;
      const { measurement, field } = telegrafField(name);
      if (kind === 'float') add(measurement, field, `float ${value}`);
      else if (Number.isInteger(value) && Math.abs(value) < 2 ** 63)
        add(measurement, field, `integer ${BigInt(value)}`);
    }
  }
  return points.sort();
}

const shown = (field: FieldValue): string => `${field.type} ${field.value === 0 ? 0 : field.value}`;

it.each(['seed', 'telegraf', 'both'] as const)('any batch is read back as it was, schema %s', (schema) => {
  fc.assert(
    fc.property(batches, fc.integer({ min: 100, max: 5000 }), (batch, bodyBytes) => {
      const seriesSet = { resource: batch.resource, series: batch.series };
      // Two sweeps at one time would be the same points.
      const times = [...new Set(batch.timesUnixNano.filter((time) => time < 2n ** 63n - 1n))];
      const values = batch.values.slice(0, batch.series.length * times.length);
      const given = { clientId: batch.clientId, seriesSet, timesUnixNano: BigUint64Array.from(times), values };
      const { points, faults } = parseLines(written(given, schema, bodyBytes).text);
      expect(faults).toEqual([]);
      const read = points.flatMap(({ measurement, tags, fields, time }) =>
        Object.entries(fields).map(([field, value]) =>
          JSON.stringify([measurement, Object.entries(tags), field, shown(value), String(time)]),
        ),
      );
      expect(read.sort()).toEqual(expectedPoints(given, schema));
    }),
    { numRuns: 300 },
  );
});
