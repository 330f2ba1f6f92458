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
  hosts: readonly string[];
}

async function open(changes: Changes = {}, fail: (call: Call) => Error | undefined = () => undefined) {
  const server = await startInflux2StandIn({ buckets: { metrics: 7 * 86_400 } });
  const calls: Call[] = [];
  const errors: string[] = [];
  const minuteNow = Math.floor(Date.now() / MINUTE_MS);
  const rollup = () => ({
    async recompute(fromUnixMs: number, toUnixMs: number, _signal: AbortSignal, hosts: readonly string[] = []) {
      const points = server.points().length;
      const call = { from: minuteNow - fromUnixMs / MINUTE_MS, to: minuteNow - toUnixMs / MINUTE_MS, points, hosts };
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
      { from: 30, to: 29, points: 5406, hosts: ['web-1'] },
      { from: 21, to: 19, points: 5406, hosts: ['web-1'] },
    ]);
    expect(figure('influxdb_means_recomputed_total')).toBe(3);
    expect(await write(...manyRecords(1, 1))).toMatchObject({ kind: 'stored' });
    expect(calls.length).toBe(2);
  });

  it('have only the means of their own hosts computed again, by the names that InfluxDB has them under', async () => {
    const { calls, at, write, figure } = await open();
    await write(
      recordOf({ clientId: 'c-1', times: [at(20)] }),
      recordOf({ clientId: 'c-2', times: [at(20)], resource: [['host', 'C:\\']] }),
      recordOf({ clientId: 'c-3', times: [at(20)], resource: [['host', '']] }),
      recordOf({ clientId: 'c-4', times: [at(30)], resource: [['datacenter', 'fra']] }),
      recordOf({ clientId: 'c-5', times: [at(0)] }),
    );
    expect(calls.map(({ from, hosts }) => [from, hosts])).toEqual([
      [30, ['c-4']],
      [20, ['c-1', 'C:\\.', 'c-3']],
    ]);
    expect(figure('influxdb_means_recomputed_total')).toBe(4);
  });

  it('cost as much as there are of them, however many deliveries they come in and however large the fleet is', async () => {
    const costOf = async (fleet: number): Promise<number> => {
      const { at, write, figure } = await open();
      // A minute of the fleet: six sweeps, in deliveries of 50 records.
      const all = [0, 10, 20, 30, 40, 50].flatMap((second) =>
        Array.from({ length: fleet }, (_, host) => recordOf({ clientId: `h-${host}`, times: [at(20, second)] })),
      );
      for (let from = 0; from < all.length; from += 50)
        expect(await write(...all.slice(from, from + 50))).toMatchObject({ kind: 'stored' });
      return figure('influxdb_means_recomputed_total');
    };
    expect(await costOf(100)).toBe(600);
    expect(await costOf(400)).toBe(2400);
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
        // Long enough for a part of them to be as much as is noted at once.
        clientId: `h-${of}`.padEnd(1000, 'x'),
        times: minutes.slice(of * 100, of * 100 + 100).map((one) => at(one)),
        values: minutes.slice(0, 100),
      }),
    );
    expect(await write(...records)).toMatchObject({ kind: 'stored' });
    const covered = calls.flatMap(({ from, to }) => Array.from({ length: from - to }, (_, of) => from - of));
    expect(covered.sort((a, b) => a - b)).toEqual(minutes);
    expect(calls.length).toBeLessThan(800);
    expect(new Set(calls.map(({ points }) => points)).size).toBeGreaterThan(1);
    expect(server.points().length).toBe(9000);
  });
});

describe('when means cannot be computed', () => {
  const broken = new MetricStreamError('unreachable', 'the server is busy');
  const slow = new MetricStreamError('timeout', 'did not answer within 60000 ms');
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

  it('what was computed is not computed again with the delivery', async () => {
    let failures = 2;
    const { calls, at, record, write, figure } = await open({}, ({ from }) =>
      from === 20 && failures-- > 0 ? broken : undefined,
    );
    const late = record(at(40), at(30), at(20), at(10));
    const outcomes = [await write(late), await write(late), await write(late)].map(({ kind }) => kind);
    expect(outcomes).toEqual(['retry', 'retry', 'stored']);
    expect(calls.map(({ from }) => from)).toEqual([40, 30, 20, 20, 20, 10]);
    expect(figure('influxdb_means_recomputed_total')).toBe(4);
    // Once stored, nothing is remembered of it.
    expect(await write(late)).toMatchObject({ kind: 'stored' });
    expect(calls.slice(6).map(({ from }) => from)).toEqual([40, 30, 20, 10]);
  });

  it('since the server takes too long for them, they are given up, and it is said once until it works again', async () => {
    let isSlow = true;
    const { server, calls, errors, at, record, write, figure } = await open({}, () => (isSlow ? slow : undefined));
    const kinds = async (...minutes: number[]) => {
      const all: string[] = [];
      for (const minute of minutes) all.push((await write(record(at(minute), at(minute + 10)))).kind);
      return all;
    };
    expect(await kinds(20, 20, 20, 21, 22)).toEqual(['retry', 'retry', 'stored', 'stored', 'stored']);
    expect(calls.length).toBe(5);
    expect(server.points().length).toBe(6);
    expect(errors).toEqual(['sink influxdb: late minutes keep the means they have']);
    expect(figure('influxdb_rollup_failures_total', 'retry')).toBe(2);
    expect(figure('influxdb_rollup_failures_total', 'timeout')).toBe(6);
    isSlow = false;
    expect(await kinds(25)).toEqual(['stored']);
    expect(figure('influxdb_means_recomputed_total')).toBe(2);
    isSlow = true;
    expect(await kinds(26, 26, 26, 27)).toEqual(['retry', 'retry', 'stored', 'stored']);
    expect(errors.length).toBe(2);
  });

  it('in time for some minutes only, the others hold no points up for ever, whatever was computed before them', async () => {
    const { server, at, write } = await open({}, ({ from }) => (from === 20 ? slow : undefined));
    const kinds: string[] = [];
    for (let of = 0; of < 5; of++) {
      const late = recordOf({ clientId: `c-${of}`, times: [at(40), at(20)], values: [1, 2] });
      kinds.push((await write(late)).kind);
    }
    expect(kinds).toEqual(['retry', 'retry', 'stored', 'stored', 'stored']);
    expect(server.points().length).toBe(10);
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
