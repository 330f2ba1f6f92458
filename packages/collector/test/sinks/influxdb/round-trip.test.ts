/** Hostile names and labels into a real InfluxDB, and out again: what was written is what a query finds. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { available, sharedInflux1 } from '../../../../../test/services/index.ts';
import { createInfluxdbClient, type InfluxqlSeries } from '../../../src/sinks/influxdb/client.ts';
import { type LineBatch, linesOf } from '../../../src/sinks/influxdb/line-protocol.ts';
import { createDatabase, lineBatch, seriesOf, settingsFor1 } from './helpers.ts';

const TIME = 1_759_579_200_000_000_001n;
const ROUNDS = 40;

const special = String.raw`\ \ , = " ' # . { } é 漢 😀 $ | /`.split(' ');
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...special, ' ', '\t'), fc.string({ unit: 'grapheme', maxLength: 2 })), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join(''))
  .filter((text) => text !== '' && !/[\p{Cs}\p{Cc}]/u.test(text.replaceAll('\t', '')));

const key = fc.constantFrom('l_device', 'host', 'time', 'value', '_field', 'l.x', 'label_host', 'metric_name');
const series = fc.record({
  name: fc.constantFrom('cpu.usage', 'cpu.time', 'cpu', 'cpu.value', 'a.b.c', 'uptime.', 'server_metrics.value'),
  unit: fc.oneof(fc.constant(''), hostile),
  kind: fc.constantFrom('float' as const, 'integer' as const),
  labels: fc.uniqueArray(fc.tuple(key, hostile), { selector: ([of]) => of, maxLength: 3 }),
});
const value = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(2 ** 60 + 512, -(2 ** 63)));

/** What a tag's value was before it was written. */
const original = (stored: string): string => (/\\\.+$/.test(stored) ? stored.slice(0, -1) : stored);
const originalKey = (stored: string): string => stored.replace(/^label_/, '');

const byText = (a: unknown, b: unknown): number => (String(a) < String(b) ? -1 : 1);

/** Every value a query gives, with the names that the client gave. */
function valuesIn(found: InfluxqlSeries[]): string[] {
  return found.flatMap(({ name, tags = {}, columns, values }) =>
    values.flatMap(([time, ...row]) =>
      (row as (string | number | bigint | null)[]).flatMap((cell, at) => {
        if (cell === null) return [];
        const labels = Object.entries(tags)
          .filter(([of, text]) => text !== '' && of !== 'host' && of !== 'metric_name' && of !== 'datacenter')
          .map(([of, text]) => [originalKey(of), original(text)]);
        const metric = tags['metric_name'] ?? '';
        return [
          JSON.stringify([
            name,
            metric,
            tags['host'],
            columns[at + 1],
            labels.sort(byText),
            String(cell),
            String(time),
          ]),
        ];
      }),
    ),
  );
}

function expectedIn({ seriesSet, values, clientId }: LineBatch, schema: 'seed' | 'telegraf'): string[] {
  return seriesSet.series.flatMap(({ name, unit, labels }, at) => {
    const sorted = labels.map(([of, text]) => [of, text]).sort(byText);
    const text = String(Number.isSafeInteger(values[at]) ? values[at] : BigInt(values[at]!));
    const line = (measurement: string, metric: string, field: string, shown: string) =>
      JSON.stringify([measurement, metric, clientId, field, sorted, shown, String(TIME)]);
    if (schema === 'seed')
      return [
        line('server_metrics', name, 'value', text),
        ...(unit === '' ? [] : [line('server_metrics', name, 'unit', unit)]),
      ];
    const split = /^([^.]+)\.(?!$|value$|time$)(.+)$/.exec(name);
    return [line(split?.[1] ?? name, '', split?.[2] ?? 'value', text)];
  });
}

describe.runIf(await available('sharedInflux1'))('a real InfluxDB 1.6', () => {
  it.each(['seed', 'telegraf'] as const)('gives back what was written, schema %s', async (schema) => {
    const { url } = await sharedInflux1();
    const identity = (one: { name: string; labels: unknown }) => JSON.stringify([one.name, one.labels]);
    const sets = fc.uniqueArray(series, { selector: identity, minLength: 1, maxLength: 6 });
    const check = async (given: Parameters<typeof seriesOf>[1][], numbers: number[]) => {
      const database = await createDatabase(url);
      const client = createInfluxdbClient(settingsFor1(url, database));
      // A float beyond 2^53 is not shown with all its digits.
      const kind = schema === 'seed' ? 'float' : 'integer';
      const values = numbers.map((one) => (schema === 'seed' ? Math.trunc(one % 2 ** 53) : one));
      const batch = lineBatch({
        series: given.map((one) => seriesOf(one?.name ?? '', { ...one, kind })),
        timesUnixNano: BigUint64Array.from([TIME]),
        values: Float64Array.from(given, (_, at) => values[at]!),
      });
      try {
        expect(await client.write(Buffer.from(linesOf(batch, schema)))).toEqual({ status: 204, words: '' });
        const found = await client.influxql('SELECT * FROM /.*/ GROUP BY *', { epoch: 'ns' });
        expect(valuesIn(found[0] ?? []).sort()).toEqual(expectedIn(batch, schema).sort());
      } finally {
        await client.influxql(`DROP DATABASE ${database}`);
        client.close();
      }
    };
    await fc.assert(fc.asyncProperty(sets, fc.array(value, { minLength: 6, maxLength: 6 }), check), {
      numRuns: ROUNDS,
    });
  });

  it('keeps line breaks in labels as U+FFFD, and the line whole', async () => {
    const { url } = await sharedInflux1();
    const database = await createDatabase(url);
    const client = createInfluxdbClient(settingsFor1(url, database));
    const labels = [['l_a', 'one\ntwo\rthree']] as const;
    await client.write(
      Buffer.from(linesOf(lineBatch({ series: [seriesOf('m.f', { labels, unit: 'a\nb' })] }), 'both')),
    );
    const [found] = await client.influxql('SELECT * FROM /.*/ GROUP BY *');
    expect(found?.map(({ name, tags }) => [name, tags?.['l_a']])).toEqual([
      ['m', 'one\ufffdtwo\ufffdthree'],
      ['server_metrics', 'one\ufffdtwo\ufffdthree'],
    ]);
    client.close();
  });
});
