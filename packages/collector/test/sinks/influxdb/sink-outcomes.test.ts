/** The sink's outcomes on a stand-in for 2.7.12: which points are stored, which are lost and why, what comes again. */
import { describe, expect, it } from 'vitest';
import { type Influx2Options, startInflux2StandIn } from '../../../../../test/services/index.ts';
import { BODY_LINES_MAX } from '../../../src/sinks/influxdb/body.ts';
import {
  type Changes,
  deliveryOf,
  lossesOf,
  lost,
  manyRecords,
  openSink,
  recordOf,
  seriesOf,
  settingsFor2,
} from './helpers.ts';

async function open(changes: Changes = {}, options: Influx2Options = {}) {
  const server = await startInflux2StandIn(options);
  return { server, ...(await openSink(settingsFor2(server, changes))) };
}

/** The values of a stand-in's points with this field, in order. */
function valuesOf(server: Awaited<ReturnType<typeof open>>['server'], field = 'value'): number[] {
  return server
    .points()
    .flatMap(({ fields }) => (fields[field] === undefined ? [] : [Number(fields[field].value)]))
    .sort((a, b) => a - b);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

describe('a good delivery', () => {
  it('is written once, in bodies of bounded size', async () => {
    const { server, write, figure } = await open();
    expect(await write(...manyRecords(200, 60))).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(12_000));
    // Two are on their way at a time, and may be answered in any order.
    const lines = server.writes.map((one) => one.lines).sort((a, b) => b - a);
    expect(lines).toEqual([BODY_LINES_MAX, BODY_LINES_MAX, 2000]);
    expect(Math.max(...server.writes.map(({ bytes }) => bytes))).toBeLessThanOrEqual(1024 * 1024);
    expect(figure('influxdb_lines_written_total')).toBe(12_000);
    expect(figure('influxdb_writes_total', 'stored')).toBe(3);
    expect(figure('influxdb_bytes_written_total')).toBe(server.writes.reduce((sum, { bytes }) => sum + bytes, 0));
    expect(figure('influxdb_write_seconds_total')).toBeGreaterThan(0);
    expect(figure('influxdb_write_max_seconds')).toBeGreaterThan(0);
  });

  it('goes through compressed, and with both schemas', async () => {
    const { server, write } = await open({ compression: 'gzip', schema: 'both' });
    expect(await write(...manyRecords(20, 60))).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(1200));
    const fields = server.points().filter(({ measurement }) => measurement === 'load');
    expect(fields.reduce((sum, point) => sum + Object.keys(point.fields).length, 0)).toBe(1200);
  });

  it('of nothing is stored without a request', async () => {
    const { server, write } = await open();
    expect(await write(recordOf({ values: [Number.NaN] }))).toEqual({ kind: 'stored', losses: [] });
    expect(server.writes).toEqual([]);
  });

  it('with a batch that cannot be read rejects that one and stores the others', async () => {
    const { server, write } = await open();
    const bad = { ...recordOf(), body: Buffer.from([0x0a, 0xff]) };
    const outcome = await write(recordOf({ values: [1] }), bad, recordOf({ clientId: 'web-2', values: [2] }));
    expect(outcome).toMatchObject({ kind: 'rejected', which: [1], losses: [] });
    expect(valuesOf(server)).toEqual([1, 2]);
  });
});

describe('a line that the server cannot read', () => {
  // Longer than the 64 KiB that InfluxDB takes of measurement and tags.
  const labels = Array.from({ length: 70 }, (_, at) => [`l${at + 10}`, 'x'.repeat(1000)] as const);
  const bad = recordOf({
    clientId: 'bad',
    seq: 9,
    values: [-1, -2],
    series: [seriesOf('a.b', { labels }), seriesOf('a.c')],
  });

  it('is the only one lost, with the words of the server and its text', async () => {
    const { server, write, figure } = await open();
    const records = manyRecords(80, 60);
    records.splice(33, 0, bad);
    const losses = lossesOf(await write(...records));
    expect(losses.length).toBe(1);
    expect(losses[0]).toMatchObject({ index: 33, points: 1 });
    expect(losses[0]?.why).toContain('max key length exceeded');
    expect(losses[0]?.text).toMatch(/^server_metrics,host=bad,l10=x+,.*metric_name=a\.b value=-1,unit="count" \d+$/);
    expect(valuesOf(server)).toEqual([-2, ...upTo(4800)]);
    expect(server.writes.length).toBeLessThan(32);
    expect(figure('influxdb_points_refused_total')).toBe(1);
  });

  it('costs a bounded number of requests, even when a client sends nothing else', async () => {
    const { server, write } = await open();
    const series = Array.from({ length: 400 }, (_, at) =>
      at % 2 === 0 ? seriesOf(`a.f${at}`) : seriesOf(`a.f${at}`, { labels }),
    );
    const hostile = recordOf({ clientId: 'bad', values: series.map(() => 1), series });
    const losses = lossesOf(await write(...manyRecords(20, 10), hostile, ...manyRecords(20, 10)));
    expect(new Set(losses.map(({ index }) => index))).toEqual(new Set([20]));
    expect(lost(losses)).toBeGreaterThanOrEqual(200);
    expect(lost(losses)).toBeLessThanOrEqual(400);
    expect(valuesOf(server).length).toBe(400 + 400 - lost(losses));
    expect(server.writes.length).toBeLessThan(150);
  });
});

describe('a configuration fault', () => {
  it('halts, says what to do, and loses nothing', async () => {
    const { server, write } = await open();
    const { token } = server;
    server.token = 'another';
    const unauthorized = await write(recordOf());
    expect(unauthorized).toMatchObject({ kind: 'halt' });
    expect(JSON.stringify(unauthorized)).toContain(`${server.url}, bucket metrics answered 401`);
    expect(JSON.stringify(unauthorized)).toContain('check the token');
    expect(JSON.stringify(unauthorized)).not.toContain(token);
    server.token = token;
    server.deleteBucket('metrics');
    const missing = await write(recordOf());
    expect(missing).toMatchObject({ kind: 'halt' });
    expect(JSON.stringify(missing)).toContain('setup influxdb');
    server.createBucket('metrics', 0);
    expect(await write(recordOf())).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual([1]);
  });
});

describe('trouble of the server', () => {
  it('is for later, and not before it says', async () => {
    const { server, write } = await open();
    server.fault({ status: 429, headers: { 'retry-after': '7' } });
    expect(await write(recordOf())).toMatchObject({ kind: 'retry', afterMs: 7000 });
    server.fault({ status: 503 });
    expect(await write(recordOf())).toMatchObject({ kind: 'retry', afterMs: undefined });
    expect(await write(recordOf())).toEqual({ kind: 'stored', losses: [] });
  });

  it('in the middle of a delivery stops it; what comes again is stored once', async () => {
    const { server, write } = await open();
    const records = manyRecords(400, 60);
    server.fault({ status: 503, when: (body) => body.includes('host=host-170,') });
    expect(await write(...records)).toMatchObject({ kind: 'retry' });
    expect(server.writes.length).toBeLessThan(5);
    expect(await write(...records)).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(24_000));
  });

  it('is a timeout when it says nothing, a cut connection, or an answer that was lost', async () => {
    const { server, write } = await open({ timeoutMs: 200 });
    server.fault({ silence: 'hang' });
    expect(await write(recordOf())).toMatchObject({
      kind: 'retry',
      why: expect.stringContaining('within 200 ms') as string,
    });
    server.fault({ silence: 'cut' });
    expect(await write(recordOf())).toMatchObject({ kind: 'retry' });
    const record = recordOf({ values: [5] });
    server.fault({ silence: 'cut', stored: true });
    expect(await write(record)).toMatchObject({ kind: 'retry' });
    expect(await write(record)).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual([5]);
  });

  it('ends at once when the sink is stopped', async () => {
    const { server, sink } = await open({ timeoutMs: 60_000 });
    server.fault({ silence: 'hang', times: Infinity });
    const stop = new AbortController();
    const outcome = sink.write(deliveryOf(...manyRecords(400, 60)), stop.signal);
    setTimeout(() => stop.abort(), 50);
    expect(await outcome).toMatchObject({ kind: 'retry', why: expect.stringContaining('stopped') as string });
    expect(await sink.write(deliveryOf(recordOf()), stop.signal)).toMatchObject({ kind: 'retry' });
  });
});

describe('a body that is too large', () => {
  it('is halved, later ones are smaller, and a line too large alone is lost', async () => {
    const { server, write, figure } = await open();
    server.fault({ status: 413, message: 'too large', times: Infinity, when: (body) => body.length > 100_000 });
    expect(await write(...manyRecords(200, 60))).toEqual({ kind: 'stored', losses: [] });
    expect(valuesOf(server)).toEqual(upTo(12_000));
    const before = figure('influxdb_writes_total', 'too_large');
    await write(...manyRecords(200, 60));
    expect(figure('influxdb_writes_total', 'too_large')).toBe(before);
    server.heal();
    server.fault({ status: 413, message: 'too large', times: Infinity, when: (body) => body.includes('host=bad') });
    const losses = lossesOf(await write(recordOf({ clientId: 'bad' }), recordOf({ clientId: 'good', values: [-7] })));
    expect(losses).toMatchObject([{ index: 0, points: 1 }]);
    expect(valuesOf(server)[0]).toBe(-7);
  });
});

it('a point that has no form is a loss, whatever else the delivery holds', async () => {
  const { server, write } = await open({ schema: 'both' });
  const series = [seriesOf('a.whole', { kind: 'integer' }), seriesOf('a.any')];
  const hard = recordOf({ clientId: 'b', series, values: [1.5, Infinity] });
  const losses = lossesOf(await write(recordOf({ values: [1] }), hard));
  expect(losses).toMatchObject([
    { index: 1, points: 1, why: 'an infinite value has no form in line protocol' },
    { index: 1, points: 1, why: 'the value of a series of whole numbers is not whole' },
  ]);
  expect(lost(losses)).toBe(2);
  expect(valuesOf(server)).toContain(1.5);
});
