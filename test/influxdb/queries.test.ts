/**
 * The three questions of the shipped queries, asked of known data that our own encoder wrote, with exact answers. InfluxQL
 * on a real 1.6. Flux needs a real InfluxDB 2.x, which no package brings: these tests are registered when the environment
 * names one (MS_TEST_INFLUX2_URL, _TOKEN, _ORG).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Series } from '@metricstream/proto/batch.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { setupInfluxdb } from '../../packages/collector/src/setup/influxdb.ts';
import type { LineBatch } from '../../packages/collector/src/sinks/influxdb/line-protocol.ts';
import {
  influx1Place,
  influx2Place,
  type Place,
  writeBatches,
} from '../../packages/collector/test/setup/influxdb-targets.ts';
import { available, givenInflux2 } from '../services/index.ts';
import { suiteEnding } from './suite-ending.ts';

const dir = fileURLToPath(new URL('../../install/influxdb/queries/', import.meta.url));
const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** What the queries take for now. */
const NOW = '2025-10-04T12:00:00Z';
const NOW_MS = Date.parse(NOW);

const seriesOf = (name: string, ...labels: [string, string][]): Series => ({
  name,
  unit: 'percent',
  kind: 'float',
  labels,
});

/** A batch of one host: `values` by series, each asked for each time. */
function batchOf(
  host: string,
  series: readonly Series[],
  { fromMs, toMs, everyMs = 10 * SECOND_MS }: { fromMs: number; toMs: number; everyMs?: number },
  value: (series: number, ms: number) => number,
): LineBatch {
  const times = Array.from({ length: Math.ceil((toMs - fromMs) / everyMs) }, (_, at) => fromMs + at * everyMs);
  return {
    clientId: host,
    seriesSet: { series, resource: [['host', host]] },
    timesUnixNano: BigUint64Array.from(times, (ms) => BigInt(ms) * 1_000_000n),
    values: Float64Array.from(series.flatMap((_, at) => times.map((ms) => value(at, ms)))),
  };
}

/** Idle, in whole percent and a half on average in each 5 minutes, never the same in two that follow. */
function cpuBatches(): LineBatch[] {
  const series = [seriesOf('cpu.usage_idle', ['cpu', 'cpu-total']), seriesOf('cpu.usage_idle', ['cpu', 'cpu0'])];
  const range = { fromMs: NOW_MS - 25 * HOUR_MS, toMs: NOW_MS + HOUR_MS };
  return ['web-1', 'web-10'].map((host) =>
    batchOf(host, series, range, (at, ms) => {
      if (at === 1 || host !== 'web-1') return 99;
      return idleOf(ms) + (ms % (20 * SECOND_MS) === 0 ? 0 : 1);
    }),
  );
}

const idleOf = (ms: number): number => Math.floor(ms / (5 * MINUTE_MS)) % 97;

function expectedCpu(): [number, number][] {
  return Array.from({ length: 288 }, (_, at) => {
    const ms = NOW_MS - DAY_MS + at * 5 * MINUTE_MS;
    return [ms, 100 - (idleOf(ms) + 0.5)];
  });
}

/** Hosts by how full they are, at ms before NOW. */
const memory: Record<string, (beforeMs: number) => number | undefined> = {
  'full-always': (beforeMs) => (beforeMs === 170 * SECOND_MS ? 90.5 : 95),
  'full-since-5m': (beforeMs) => (beforeMs <= 330 * SECOND_MS ? 91 : 50),
  'one-sample-at-90': (beforeMs) => (beforeMs === 170 * SECOND_MS ? 90 : 95),
  'full-for-3m': (beforeMs) => (beforeMs <= 180 * SECOND_MS ? 99 : 60),
  'begun-3m-ago': (beforeMs) => (beforeMs <= 180 * SECOND_MS ? 99 : undefined),
  'silent-for-2m': (beforeMs) => (beforeMs <= 180 * SECOND_MS && beforeMs > 50 * SECOND_MS ? undefined : 99),
  'not-full': () => 50,
};

function memoryBatches(): LineBatch[] {
  const range = { fromMs: NOW_MS - 20 * MINUTE_MS, toMs: NOW_MS };
  return Object.entries(memory).map(([host, full]) =>
    batchOf(host, [seriesOf('mem.used_percent')], range, (_, ms) => full(NOW_MS - ms) ?? Number.NaN),
  );
}

/** Host n waits n ms for its disks, n - 1 for one and n + 1 for the other; in the last minute there are 11 of 20. */
function latencyBatches(): LineBatch[] {
  const series = [seriesOf('diskio.io_await', ['name', 'sda']), seriesOf('diskio.io_await', ['name', 'sdb'])];
  return Array.from({ length: 20 }, (_, at) => {
    const toMs = at + 1 > 11 ? NOW_MS - MINUTE_MS : NOW_MS;
    return batchOf(
      `disk-${at + 1}`,
      series,
      { fromMs: NOW_MS - 70 * MINUTE_MS, toMs },
      (of) => at + 1 + (of === 0 ? -1 : 1),
    );
  });
}

const parameters: Record<string, string> = {
  $host: 'web-1',
  $metric_name: 'diskio.io_await',
  $measurement: 'diskio',
  $field: 'io_await',
};

function textOf(schema: string, file: string): string {
  let text = readFileSync(`${dir}${schema}/${file}`, 'utf8');
  for (const [name, value] of Object.entries(parameters)) text = text.replaceAll(name, value);
  return text;
}

const schemas = ['seed', 'telegraf'] as const;

async function fill(place: Place): Promise<void> {
  await setupInfluxdb(place);
  await writeBatches(place, [...cpuBatches(), ...memoryBatches(), ...latencyBatches()]);
}

/** Long enough for a NOW that is fixed. */
const keeping = (schema: (typeof schemas)[number]) => ({ schema, keepMs: 3650 * DAY_MS, rollupKeepMs: 3650 * DAY_MS });

describe.runIf(await available('sharedInflux1')).each(schemas)('InfluxQL, schema %s', (schema) => {
  let place: Place;
  const ending = suiteEnding();
  beforeAll(async () => {
    place = await influx1Place(keeping(schema), { ending });
    await fill(place);
  });

  const ask = async (file: string, now = NOW) => {
    const text = textOf(schema, file);
    expect(text).toContain('now()');
    return (await place.client.influxql(text.replaceAll('now()', `'${now}'`))).flat();
  };

  it('answers: CPU of one host over 24 hours', async () => {
    const series = await ask('cpu-of-a-host.influxql');
    expect(series).toHaveLength(1);
    expect(series[0]).toMatchObject({ columns: ['time', 'cpu_percent'], values: expectedCpu() });
  });

  it.each(['2025-10-04T12:00:00Z', '2025-10-04T11:59:50Z'])(
    'answers: memory over 90 % for 5 minutes, at %s',
    async (now) => {
      const series = await ask('memory-over-90-for-5m.influxql', now);
      const minutes = now === NOW ? 5 : 6;
      expect(series.map(({ tags, columns, values }) => [tags, columns, values.map(([, ...row]) => row)])).toEqual([
        [{ host: 'full-always' }, ['time', 'lowest', 'minutes'], [[90.5, minutes]]],
        [{ host: 'full-since-5m' }, ['time', 'lowest', 'minutes'], [[91, minutes]]],
      ]);
    },
  );

  it('answers: the 95th percentile across hosts', async () => {
    const series = await ask('p95-across-hosts.influxql');
    const values = Array.from({ length: 60 }, (_, at) => [NOW_MS - HOUR_MS + at * MINUTE_MS, at < 59 ? 19 : 10]);
    expect(series).toHaveLength(1);
    expect(series[0]).toMatchObject({ columns: ['time', 'p95'], values });
  });

  it('runs as it is, with now()', async () => {
    for (const file of readdirSync(`${dir}${schema}`).filter((name) => name.endsWith('.influxql')))
      expect(await place.client.influxql(textOf(schema, file))).toHaveLength(1);
  });
});

const flux = givenInflux2() === undefined ? [] : schemas;

describe.each(flux)('Flux, schema %s', (schema) => {
  let place: Place;
  const ending = suiteEnding();
  beforeAll(async () => {
    place = await influx2Place(keeping(schema), { ending });
    await fill(place);
  });

  const ask = async (file: string, now = NOW) => {
    const { target } = place.settings;
    const text = textOf(schema, file).replaceAll('$bucket', target.version === 2 ? target.bucket : '');
    return place.client.flux(`option now = () => ${now}\n${text}`);
  };

  it('answers: CPU of one host over 24 hours', async () => {
    const rows = await ask('cpu-of-a-host.flux');
    expect(rows.map((row) => [Date.parse(String(row['_time'])), row['cpu_percent']])).toEqual(expectedCpu());
    expect(new Set(rows.map((row) => row['host']))).toEqual(new Set(['web-1']));
  });

  it.each(['2025-10-04T12:00:00Z', '2025-10-04T11:59:50Z'])(
    'answers: memory over 90 % for 5 minutes, at %s',
    async (now) => {
      const rows = await ask('memory-over-90-for-5m.flux', now);
      const minutes = now === NOW ? 5 : 6;
      expect(
        rows
          .map((row) => [row['host'], row['lowest'], row['minutes']])
          .sort(([a], [b]) => String(a).localeCompare(String(b))),
      ).toEqual([
        ['full-always', 90.5, minutes],
        ['full-since-5m', 91, minutes],
      ]);
    },
  );

  it('answers: the 95th percentile across hosts', async () => {
    const rows = await ask('p95-across-hosts.flux');
    expect(rows.map((row) => [Date.parse(String(row['_time'])), row['p95']])).toEqual(
      Array.from({ length: 60 }, (_, at) => [NOW_MS - HOUR_MS + at * MINUTE_MS, at < 59 ? 19 : 11]),
    );
  });
});

it('has each question in both languages and both schemas', () => {
  const questions = ['cpu-of-a-host', 'memory-over-90-for-5m', 'p95-across-hosts'];
  for (const schema of schemas)
    expect(readdirSync(`${dir}${schema}`).sort()).toEqual(
      questions.flatMap((name) => [`${name}.flux`, `${name}.influxql`]),
    );
});
