/** Minutes that late points touch are computed again before a delivery is stored, and when that fails it comes again. */
import { MetricStreamError } from '@metricstream/shared/errors.ts';
import { silentLog } from '@metricstream/shared/log.ts';
import { describe, expect, it } from 'vitest';
import { startInflux2StandIn } from '../../../../../test/services/index.ts';
import { MINUTE_MS } from '../../../src/sinks/influxdb/late.ts';
import { type Changes, deliveryOf, manyRecords, openSink, recordOf, seriesOf, settingsFor2 } from './helpers.ts';

const DAY_MS = 86_400_000;

interface Call {
  /** Minutes before this one. */
  from: number;
  to: number;
  /** Points the server held when it was asked. */
  points: number;
}

async function open(changes: Changes = {}, fail: (call: Call) => Error | undefined = () => undefined) {
  const server = await startInflux2StandIn({ buckets: { metrics: 7 * 86_400 } });
  const calls: Call[] = [];
  const errors: string[] = [];
  const minuteNow = Math.floor(Date.now() / MINUTE_MS);
  const rollup = () => ({
    async recompute(fromUnixMs: number, toUnixMs: number) {
      const points = server.points().length;
      const call = { from: minuteNow - fromUnixMs / MINUTE_MS, to: minuteNow - toUnixMs / MINUTE_MS, points };
      calls.push(call);
      const error = fail(call);
      if (error !== undefined) throw error;
    },
  });
  const log = { ...silentLog, error: (message: string) => void errors.push(message) };
  const at = (minutes: number, second = 30) => BigInt(((minuteNow - minutes) * 60 + second) * 1000) * 1_000_000n;
  const record = (...times: bigint[]) => recordOf({ times, values: times.map((_, of) => of) });
  return { server, calls, errors, at, record, ...(await openSink(settingsFor2(server, changes), { rollup, log })) };
}

describe('late points', () => {
  it('have the means of their minutes computed again, once, after all is written', async () => {
    const { calls, at, record, write, figure } = await open();
    const records = [record(at(0), at(1), at(20)), record(at(21), at(20, 1), at(30)), ...manyRecords(90, 60)];
    expect(await write(...records)).toMatchObject({ kind: 'stored' });
    expect(calls).toEqual([
      { from: 30, to: 29, points: 5406 },
      { from: 21, to: 19, points: 5406 },
    ]);
    expect(figure('influxdb_means_recomputed_total')).toBe(3);
    expect(await write(...manyRecords(1, 1))).toMatchObject({ kind: 'stored' });
    expect(calls.length).toBe(2);
  });

  it('that are in time, too old for the server or for its means, touch nothing', async () => {
    const { calls, at, record, write } = await open({ rollupKeepMs: DAY_MS });
    await write(record(at(0), at(4), at(-5), at(2 * 24 * 60), at(8 * 24 * 60)));
    expect(calls).toEqual([]);
  });

  it('in thousands of minutes are computed in ranges, in several rounds', async () => {
    const { server, calls, at, write } = await open();
    const minutes = Array.from({ length: 9000 }, (_, of) => of + 10);
    const records = Array.from({ length: 90 }, (_, of) =>
      recordOf({
        clientId: `h-${of}`,
        times: minutes.slice(of * 100, of * 100 + 100).map((one) => at(one)),
        values: minutes.slice(0, 100),
      }),
    );
    expect(await write(...records)).toMatchObject({ kind: 'stored' });
    const covered = calls.flatMap(({ from, to }) => Array.from({ length: from - to }, (_, of) => from - of));
    expect(covered.sort((a, b) => a - b)).toEqual(minutes);
    expect(calls.length).toBeLessThan(700);
    expect(server.points().length).toBe(9000);
  });
});

describe('when means cannot be computed', () => {
  const broken = new MetricStreamError('unreachable', 'the server is busy');
  const missing = new MetricStreamError('config_invalid', 'bucket means not found');

  it('the delivery comes again, and its minutes with it', async () => {
    let failing = true;
    const { server, calls, at, record, write, figure } = await open({}, () => (failing ? broken : undefined));
    const late = record(at(20));
    expect(await write(late)).toMatchObject({
      kind: 'retry',
      why: expect.stringContaining('the server is busy') as string,
    });
    expect(server.points().length).toBe(1);
    expect(figure('influxdb_rollup_failures_total', 'retry')).toBe(1);
    failing = false;
    expect(await write(late)).toMatchObject({ kind: 'stored' });
    expect(calls.map(({ from, to }) => [from, to])).toEqual([
      [20, 19],
      [20, 19],
    ]);
    expect(figure('influxdb_means_recomputed_total')).toBe(1);
  });

  it('because nothing is set up for them, points are stored all the same, and it is said once', async () => {
    let set = false;
    const { server, errors, at, record, write, figure } = await open({}, () => (set ? undefined : missing));
    for (let round = 0; round < 3; round++)
      expect(await write(record(at(20 + round)))).toMatchObject({ kind: 'stored' });
    expect(server.points().length).toBe(3);
    expect(errors).toEqual(['sink influxdb: late minutes keep the means they have']);
    expect(figure('influxdb_rollup_failures_total', 'setup')).toBe(3);
    set = true;
    await write(record(at(40)));
    set = false;
    await write(record(at(41)));
    expect(errors.length).toBe(2);
  });

  it('since the sink is stopped, the delivery comes again', async () => {
    const stop = new AbortController();
    const { sink, at, record } = await open({}, () => {
      stop.abort();
      return new MetricStreamError('stopped', 'stopped');
    });
    expect(await sink.write(deliveryOf(record(at(20))), stop.signal)).toMatchObject({ kind: 'retry' });
  });

  it('and points could not be stored either, nothing is computed', async () => {
    const { server, calls, at, record, write } = await open();
    server.fault({ status: 503 });
    expect(await write(record(at(20)))).toMatchObject({ kind: 'retry' });
    expect(calls).toEqual([]);
    await write(recordOf({ series: [seriesOf('a.b')] }));
    expect(calls).toEqual([]);
  });
});
